/** The launcher's own log: one line of JSON each on standard error, beside what the program writes there. */

export interface LauncherLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** @param write takes finished lines */
export function createLauncherLog(
  redact: (text: string) => string,
  write: (line: string) => void,
  now: () => Date = () => new Date(),
): LauncherLog {
  const line = (level: string) => (fields: object, message: string) => {
    const record = { level, time: now().toISOString(), component: 'mcpcore-launcher', ...fields, message };
    write(`${redact(JSON.stringify(record))}\n`);
  };
  return { info: line('info'), warn: line('warn'), error: line('error') };
}
