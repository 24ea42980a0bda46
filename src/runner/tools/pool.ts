/**
 * Runs calls in a pool of warm child processes, one call at a time in each. A child that ends is replaced at once; the
 * pool grows while calls wait, up to a limit; children are renewed after some hundred calls.
 */
import { McpError } from '../../api/errors.ts';
import { Child, type ChildLimits } from './child.ts';
import type { ToolCall, ToolExecutor, ToolOutcome } from './executor.ts';

export interface PoolOptions extends ChildLimits {
  /** Children that are always there. */
  min: number;
  /** Children at most, which is how many calls run at once. */
  max: number;
  /** Calls that may wait for a child. */
  maxWaiting: number;
  /** Calls after which a child is replaced. */
  callsPerChild: number;
}

export const defaultPool: Omit<PoolOptions, 'min' | 'max'> = {
  maxWaiting: 256,
  callsPerChild: 500,
  heapMiB: 96,
  rssMiB: 256,
  pollMs: 25,
};

/** Pause before a child that could not even start is tried again, in milliseconds. */
const startRetryMs = 1000;

interface Waiting {
  take: (child: Child) => void;
}

export class ChildPool implements ToolExecutor {
  readonly #options: PoolOptions;
  readonly #children = new Set<Child>();
  readonly #idle: Child[] = [];
  readonly #waiting: Waiting[] = [];
  #running = 0;
  #warm = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get ready(): boolean {
    return !this.#closed && this.#warm;
  }

  /** Process ids of the children, for measurements. */
  pids(): number[] {
    return [...this.#children].flatMap((child) => child.pid ?? []);
  }

  async start(): Promise<void> {
    this.#fill();
    await Promise.all([...this.#children].map((child) => child.started));
  }

  async execute(call: ToolCall): Promise<ToolOutcome> {
    const child = await this.#acquire(call.signal);
    this.#running += 1;
    try {
      const outcome = await child.execute(call);
      this.#running -= 1;
      this.#release(child);
      return outcome;
    } catch (error) {
      this.#running -= 1;
      this.#retire(child);
      throw error;
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    for (const child of this.#children) child.kill();
  }

  async #acquire(signal: AbortSignal): Promise<Child> {
    if (this.#closed) throw new McpError('NotReady', { what: 'the runner is stopping' });
    if (signal.aborted) throw new McpError('ToolCancelled');
    // The one that rested longest: it has its next context ready.
    const free = this.#idle.shift();
    if (free !== undefined) return free;
    if (this.#waiting.length >= this.#options.maxWaiting) throw new McpError('ToolBusy');
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        take: (child) => {
          signal.removeEventListener('abort', cancel);
          resolve(child);
        },
      };
      const cancel = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(new McpError('ToolCancelled'));
      };
      signal.addEventListener('abort', cancel, { once: true });
      this.#waiting.push(waiting);
      if (this.#children.size < this.#options.max) this.#add();
    });
  }

  #release(child: Child): void {
    if (child.calls < this.#options.callsPerChild) {
      this.#offer(child);
      return;
    }
    this.#retire(child);
  }

  #offer(child: Child): void {
    const next = this.#waiting.shift();
    if (next !== undefined) next.take(child);
    else this.#idle.push(child);
  }

  #retire(child: Child): void {
    this.#forget(child);
    child.kill();
    this.#fill();
  }

  #forget(child: Child): void {
    this.#children.delete(child);
    const index = this.#idle.indexOf(child);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** Starts what is missing: the warm minimum, and one for each call that waits. */
  #fill(): void {
    const { min, max } = this.#options;
    const wanted = Math.min(max, Math.max(min, this.#running + this.#waiting.length));
    while (!this.#closed && this.#children.size < wanted) this.#add();
  }

  #add(): void {
    const child = new Child(this.#options);
    this.#children.add(child);
    void this.#watch(child);
  }

  /** From the start of a child to its end, whoever ends it. */
  async #watch(child: Child): Promise<void> {
    const began = await child.started.then(
      () => true,
      () => false,
    );
    this.#warm = began || this.#idle.length + this.#running > 0;
    if (began) this.#offer(child);
    await child.ended;
    if (!this.#children.has(child)) return;
    this.#forget(child);
    if (began) this.#fill();
    else this.#retry = setTimeout(() => this.#fill(), startRetryMs);
  }
}
