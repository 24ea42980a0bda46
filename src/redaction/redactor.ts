/**
 * Replaces every spelling of a server's values in text by `[redacted:KEY]`. Values that were replaced stay needles for
 * a grace period, because what was started with them may still print them.
 */
import { needlesOf, shortestBytes } from './needles.ts';

const defaultGraceMs = 24 * 60 * 60 * 1000;

export interface RedactorOptions {
  /** Time for which a value that was replaced or deleted stays redacted. */
  graceMs?: number;
  now?: () => number;
}

export interface Unredactable {
  key: string;
  reason: string;
}

interface Held {
  key: string;
  /** When it stops being redacted; undefined while it is current. */
  until: number | undefined;
}

export class Redactor {
  readonly #graceMs: number;
  readonly #now: () => number;
  /** By plain value. */
  readonly #held = new Map<string, Held>();
  #unredactable: Unredactable[] = [];
  #pattern: RegExp | undefined;
  #keys = new Map<string, string>();

  constructor(options: RedactorOptions = {}) {
    this.#graceMs = options.graceMs ?? defaultGraceMs;
    this.#now = options.now ?? Date.now;
  }

  /** Sets the current values, all of them; keys in `unredacted` may show. */
  setValues(values: Readonly<Record<string, string>>, unredacted: readonly string[]): void {
    const now = this.#now();
    for (const [value, held] of this.#held) {
      held.until ??= now + this.#graceMs;
      if (held.until <= now) this.#held.delete(value);
    }
    this.#unredactable = [];
    for (const [key, value] of Object.entries(values)) {
      if (unredacted.includes(key)) this.#held.delete(value);
      else if (Buffer.byteLength(value) < shortestBytes) {
        this.#unredactable.push({ key, reason: `the value has fewer than ${shortestBytes} bytes` });
      } else this.#held.set(value, { key, until: undefined });
    }
    this.#build();
  }

  /** The text without the values, in any of the spellings that `needlesOf` lists. */
  redactText(text: string): string {
    if (!this.#pattern) return text;
    return text.replace(this.#pattern, (needle) => `[redacted:${this.#keys.get(needle) ?? 'value'}]`);
  }

  /** Keys whose values can't be redacted, and why. */
  unredactable(): Unredactable[] {
    return this.#unredactable;
  }

  #build(): void {
    this.#keys = new Map();
    for (const [value, { key }] of this.#held) {
      for (const needle of needlesOf(value)) this.#keys.set(needle, placeholderKey(key));
    }
    // The longest first, so that a value is not left half-covered by one that it begins with.
    const needles = [...this.#keys.keys()].toSorted((a, b) => b.length - a.length);
    this.#pattern =
      needles.length > 0
        ? new RegExp(needles.map((needle) => RegExp.escape(needle)).join('|'), 'g')
        : undefined;
  }
}

/** A key that is safe inside JSON, a log line and a URL. */
function placeholderKey(key: string): string {
  return key.replace(/[^\w.-]/g, '_');
}
