/** Messages between the supervisor and a child, as JSON over the IPC channel. Only strings and plain data cross. */
import type { LogLevel, Progress, ToolError } from './executor.ts';

/** Replaces the environment of later calls. */
export interface EnvCommand {
  type: 'env';
  revision: number;
  values: Record<string, string>;
}

/** Runs code that the child has compiled before, or gets here. */
export interface CallCommand {
  type: 'call';
  tool: string;
  hash: string;
  code?: string;
  args: string;
}

/** Answers a request of tool code. */
export interface ReplyCommand {
  type: 'reply';
  id: number;
  /** JSON text of `{value}` or `{error: {name, message}}`. */
  json: string;
}

export type ChildCommand = EnvCommand | CallCommand | ReplyCommand;

export type ChildEvent =
  | { type: 'ready' }
  | { type: 'log'; level: LogLevel; text: string }
  | { type: 'progress'; update: Progress }
  | { type: 'http'; id: number; request: string }
  | { type: 'done'; result?: string; missingKeys: string[] }
  | { type: 'failed'; error: ToolError; missingKeys: string[] };
