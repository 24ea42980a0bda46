/** A log that keeps what it is told, for tests that look at it. */
import type { Log } from '../../src/kube/log.ts';

export interface KeptLog extends Log {
  readonly lines: { level: string; fields: Record<string, unknown>; message: string }[];
}

export function keptLog(): KeptLog {
  const lines: KeptLog['lines'] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields: fields as Record<string, unknown>, message });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
