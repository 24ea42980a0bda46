/**
 * A queue of keys: a key waits in it at most once, runs one at a time, and comes back with back-off when it failed.
 * What never succeeded yet goes first, so that a new object need not wait for a resync of the old ones.
 */
import { Backoff } from './backoff.ts';
import { errorFields, type Log } from './log.ts';

export interface Result {
  /** Run the key again after so long, even if nothing changes. */
  requeueAfterMs: number;
}

export interface WorkQueueOptions {
  /** Work for one key. Throwing means: again, after a back-off. */
  process: (key: string, signal: AbortSignal) => Promise<void | Result>;
  concurrency: number;
  log: Log;
  backoff?: { minMs: number; maxMs: number };
}

export type Priority = 'high' | 'low';

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #high = new Set<string>();
  readonly #low = new Set<string>();
  readonly #running = new Set<string>();
  /** Keys that were added while they ran. */
  readonly #dirty = new Map<string, Priority>();
  readonly #backoffs = new Map<string, Backoff>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #signal: AbortSignal | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys waiting, without those delayed or running. */
  get length(): number {
    return this.#high.size + this.#low.size;
  }

  /** Starts working until the signal aborts; keys added before wait for it. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#clear(), { once: true });
    this.#pump();
  }

  add(key: string, priority: Priority = 'high'): void {
    if (this.#signal?.aborted) return;
    if (this.#running.has(key)) {
      if (this.#dirty.get(key) !== 'high') this.#dirty.set(key, priority);
      return;
    }
    this.#clearTimer(key);
    if (priority === 'high') {
      this.#low.delete(key);
      this.#high.add(key);
    } else if (!this.#high.has(key)) {
      this.#low.add(key);
    }
    this.#pump();
  }

  /** Adds the key after a while, unless it is added earlier. */
  addAfter(key: string, afterMs: number): void {
    if (this.#signal?.aborted) return;
    this.#clearTimer(key);
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.add(key, 'low');
    }, afterMs);
    this.#timers.set(key, timer);
  }

  #pump(): void {
    while (this.#signal && !this.#signal.aborted && this.#running.size < this.#options.concurrency) {
      const key = this.#take();
      if (key === undefined) return;
      this.#running.add(key);
      void this.#run(key, this.#signal);
    }
  }

  #take(): string | undefined {
    for (const set of [this.#high, this.#low]) {
      for (const key of set) {
        set.delete(key);
        return key;
      }
    }
    return undefined;
  }

  async #run(key: string, signal: AbortSignal): Promise<void> {
    let after: number | undefined;
    try {
      const result = await this.#options.process(key, signal);
      this.#backoffs.delete(key);
      after = result?.requeueAfterMs;
    } catch (error) {
      after = this.#failed(key, error);
    }
    this.#running.delete(key);
    const dirty = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (dirty) this.add(key, dirty);
    else if (after !== undefined) this.addAfter(key, after);
    this.#pump();
  }

  #failed(key: string, error: unknown): number {
    const backoff =
      this.#backoffs.get(key) ?? new Backoff(this.#options.backoff ?? { minMs: 50, maxMs: 60_000 });
    this.#backoffs.set(key, backoff);
    const retryInMs = Math.round(backoff.next());
    this.#options.log.warn({ key, retryInMs, ...errorFields(error) }, 'reconciliation failed');
    return retryInMs;
  }

  #clearTimer(key: string): void {
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
  }

  #clear(): void {
    for (const key of [...this.#timers.keys()]) this.#clearTimer(key);
    this.#high.clear();
    this.#low.clear();
    this.#dirty.clear();
  }
}
