/** The values that are redacted: current ones, and for a grace period those that they replaced. */

export interface HeldValue {
  readonly key: string;
  readonly value: string;
}

export class HeldValues {
  readonly #graceMs: number;
  #current: readonly HeldValue[] = [];
  #replaced: (HeldValue & { until: number })[] = [];

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** Current values first, then the replaced ones, newest first. */
  list(): HeldValue[] {
    return [...this.#current, ...this.#replaced];
  }

  /** When the next one expires, in milliseconds; Infinity without any. */
  get nextExpiry(): number {
    return Math.min(Infinity, ...this.#replaced.map(({ until }) => until));
  }

  /** @param shown keys whose values, old ones too, may show */
  set(current: readonly HeldValue[], shown: ReadonlySet<string>, now: number): void {
    const kept = new Set(current.map(identity));
    const gone = this.#current.filter((held) => !kept.has(identity(held)));
    this.#replaced = [
      ...gone.map((held) => ({ ...held, until: now + this.#graceMs })),
      ...this.#replaced,
    ].filter((held) => !shown.has(held.key) && !kept.has(identity(held)));
    this.#current = current;
    this.expire(now);
  }

  expire(now: number): void {
    this.#replaced = this.#replaced.filter(({ until }) => until > now);
  }
}

function identity({ key, value }: HeldValue): string {
  return JSON.stringify([key, value]);
}
