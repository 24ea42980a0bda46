/** Exponential back-off with jitter. */

export interface BackoffOptions {
  minMs: number;
  maxMs: number;
  /** A number from 0 up to 1; injectable for tests. */
  random?: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Time in ms to wait after one more failure: half of the doubled delay, and up to half again at random. */
  next(): number {
    const { minMs, maxMs, random = Math.random } = this.#options;
    const full = Math.min(maxMs, minMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return full / 2 + (full / 2) * random();
  }

  /** Starts again from the shortest delay. */
  reset(): void {
    this.#failures = 0;
  }
}
