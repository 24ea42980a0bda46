/**
 * The runner's log: one line of JSON per call and per thing that tool code prints. Every text is redacted on its way
 * into the line, and the finished line once more, so that no field added later can slip past.
 */
import { pino, type Logger } from 'pino';
import { redactDeep, type Redact } from './mcp/result.ts';
import type { LogLevel } from './tools/executor.ts';

/** The Traffic line of a call, with the Error part when it failed. Sizes are of JSON texts, in bytes. */
export interface CallRecord {
  tool: string;
  durationMs: number;
  /** `Ok`, `InvalidArguments`, `InvalidResult` or the code of an error of the catalogue. */
  outcome: string;
  requestBytes: number;
  responseBytes: number;
  /** Revision of the environment that the call read. */
  revision?: number;
  /** Keys that were read and are not set: names only. */
  missingKeys?: string[];
  /** `stack`: places in the tool's own code, line:column. */
  error?: { message: string; stack?: string[] };
}

export interface RunnerLog {
  call(record: CallRecord): void;
  /** A line that tool code printed. */
  toolLine(tool: string, level: LogLevel, text: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** @param out where finished lines go, each with its newline; standard output in the pod */
export function createRunnerLog(redact: Redact, out: { write(line: string): unknown }): RunnerLog {
  const logger: Logger = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'message',
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redactDeep(fields, redact) as Record<string, unknown>,
      },
      hooks: {
        logMethod(args, method) {
          method.apply(this, args.map((arg) => (typeof arg === 'string' ? redact(arg) : arg)) as typeof args);
        },
      },
    },
    { write: (line: string) => void out.write(`${redact(line.trimEnd())}\n`) },
  );
  return {
    call: (record) =>
      logger[record.outcome === 'Ok' ? 'info' : 'error']({ kind: 'call', ...record }, 'tool call'),
    toolLine: (tool, level, text) => logger[level]({ kind: 'console', tool }, text),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
