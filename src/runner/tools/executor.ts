/** What runs tool code. The one implementation today is the pool of child processes (pool.ts). */
import type { EnvState } from '../env/state.ts';

export interface ToolCode {
  name: string;
  code: string;
  /** SHA-256 of the code, in hex: compiled code is kept under it. */
  hash: string;
  timeoutMs: number;
}

/** What a call may ask of the supervisor while it runs. Texts come from tool code and may hold values of secrets. */
export interface CallHost {
  log(level: LogLevel, text: string): void;
  progress(update: Progress): void;
  /** @param request JSON text of what tool code gave to `sdk.http`; the answer is JSON text too */
  http(request: string, signal: AbortSignal): Promise<string>;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Progress {
  progress: number;
  total?: number;
  message?: string;
}

export interface ToolCall {
  tool: ToolCode;
  /** JSON text of the arguments. */
  args: string;
  /** Asked when the call begins to run, so that one that waited in the queue reads the newest values. */
  env: () => EnvState;
  host: CallHost;
  /** Ends the call, by force if it has to be. */
  signal: AbortSignal;
}

/** An error that tool code threw. */
export interface ToolError {
  name: string;
  message: string;
  /** Frames within the tool's own code, as `line:column`, innermost first. */
  frames: string[];
}

export interface ToolOutcome {
  /** JSON text of what the code returned; undefined when it returned undefined. */
  result?: string;
  /** What it threw instead. */
  error?: ToolError;
  /** Revision of the environment that the call read. */
  revision: number;
  /** Names of keys that were read and are not set. */
  missingKeys: string[];
}

export interface ToolExecutor {
  /** Resolves when calls can be run without waiting for a start. */
  start(): Promise<void>;
  /** Whether calls are run; stays true while ended processes are replaced. */
  readonly ready: boolean;
  /**
   * Runs one call to its end.
   *
   * @throws McpError ToolTimeout | ToolCrashed | ToolCancelled | ToolBusy
   */
  execute(call: ToolCall): Promise<ToolOutcome>;
  /** Ends all children; calls in flight end with ToolCrashed. */
  close(): void;
}
