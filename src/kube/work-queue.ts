/**
 * A queue of keys: a key waits in it at most once, runs one at a time, and comes back with back-off when it failed.
 * Changes go before resyncs, so that a new object need not wait until all old ones were looked at again.
 */
import { Backoff } from './backoff.ts';
import { systemClock, type Clock } from './clock.ts';
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
  backoff?: { minMs: number; maxMs: number; random?: () => number };
  clock?: Clock;
}

export type Priority = 'high' | 'low';

/** After so many keys of high priority in a row one of low priority gets its turn. */
const highInARow = 16;

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #clock: Clock;
  readonly #high = new Set<string>();
  readonly #low = new Set<string>();
  readonly #running = new Set<string>();
  /** Keys that were added while they ran. */
  readonly #dirty = new Map<string, Priority>();
  readonly #backoffs = new Map<string, Backoff>();
  readonly #delayed = new Map<string, { at: number; cancel: () => void }>();
  #idle: PromiseWithResolvers<void> | undefined;
  #signal: AbortSignal | undefined;
  #row = 0;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Keys waiting, without those delayed or running. */
  get length(): number {
    return this.#high.size + this.#low.size;
  }

  /** Starts working until the signal aborts; keys added before wait for it. May be started again afterwards. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    if (signal.aborted) return this.#clear();
    signal.addEventListener('abort', () => this.#clear(), { once: true });
    this.#pump();
  }

  /** Resolves when no key waits or runs. Keys that are delayed do not count. */
  drained(): Promise<void> {
    if (this.length === 0 && this.#running.size === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers<void>();
    return this.#idle.promise;
  }

  add(key: string, priority: Priority = 'high'): void {
    if (this.#signal?.aborted) return;
    this.#cancelDelay(key);
    if (this.#running.has(key)) {
      if (this.#dirty.get(key) !== 'high') this.#dirty.set(key, priority);
      return;
    }
    if (priority === 'high') {
      this.#low.delete(key);
      this.#high.add(key);
    } else if (!this.#high.has(key)) {
      this.#low.add(key);
    }
    this.#pump();
  }

  /** Adds the key after a while. The earliest time counts: adding it again and again does not put it off. */
  addAfter(key: string, afterMs: number): void {
    if (this.#signal?.aborted) return;
    const at = this.#clock.now() + afterMs;
    const before = this.#delayed.get(key);
    if (before && before.at <= at) return;
    before?.cancel();
    const cancel = this.#clock.after(afterMs, () => {
      this.#delayed.delete(key);
      this.add(key, 'low');
    });
    this.#delayed.set(key, { at, cancel });
  }

  #pump(): void {
    while (this.#signal && !this.#signal.aborted && this.#running.size < this.#options.concurrency) {
      const key = this.#take();
      if (key === undefined) break;
      this.#running.add(key);
      void this.#run(key, this.#signal);
    }
    if (this.length === 0 && this.#running.size === 0) {
      this.#idle?.resolve();
      this.#idle = undefined;
    }
  }

  #take(): string | undefined {
    const lowFirst = this.#high.size === 0 || (this.#row >= highInARow && this.#low.size > 0);
    this.#row = lowFirst ? 0 : this.#row + 1;
    const set = lowFirst ? this.#low : this.#high;
    const [key] = set;
    if (key !== undefined) set.delete(key);
    return key;
  }

  async #run(key: string, signal: AbortSignal): Promise<void> {
    let after: number | undefined;
    try {
      const result = await this.#options.process(key, signal);
      this.#backoffs.delete(key);
      after = result?.requeueAfterMs;
    } catch (error) {
      after = this.#failed(key, error, signal);
    }
    this.#running.delete(key);
    const dirty = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (dirty) this.add(key, dirty);
    else if (after !== undefined) this.addAfter(key, after);
    this.#pump();
  }

  #failed(key: string, error: unknown, signal: AbortSignal): number | undefined {
    if (signal.aborted) return undefined;
    const backoff =
      this.#backoffs.get(key) ?? new Backoff(this.#options.backoff ?? { minMs: 50, maxMs: 60_000 });
    this.#backoffs.set(key, backoff);
    const retryInMs = Math.round(backoff.next());
    this.#options.log.warn({ key, retryInMs, ...errorFields(error) }, 'reconciliation failed');
    return retryInMs;
  }

  #cancelDelay(key: string): void {
    this.#delayed.get(key)?.cancel();
    this.#delayed.delete(key);
  }

  /** Forgets all but what runs: whoever starts the queue again adds everything anew. */
  #clear(): void {
    for (const key of [...this.#delayed.keys()]) this.#cancelDelay(key);
    this.#high.clear();
    this.#low.clear();
    this.#dirty.clear();
    this.#backoffs.clear();
    this.#pump();
  }
}
