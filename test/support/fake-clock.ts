/** A clock that stands still until it is told to advance. */
import type { Clock } from '../../src/kube/clock.ts';

interface Timer {
  at: number;
  callback: () => void;
}

export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #now = 0;

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Time in ms until the next timer; undefined when none waits. */
  next(): number | undefined {
    const times = [...this.#timers].map(({ at }) => at);
    return times.length > 0 ? Math.min(...times) - this.#now : undefined;
  }

  /** Lets time go by, running the timers that are due in their order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [due] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!due) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
    }
    this.#now = end;
  }
}
