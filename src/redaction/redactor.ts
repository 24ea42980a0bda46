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
  /** Key to name, by needle. */
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
    let clean = '';
    let done = 0;
    for (const { start, end, key } of mergeRanges(this.#find(text))) {
      clean += `${text.slice(done, start)}[redacted:${key}]`;
      done = end;
    }
    return done === 0 ? text : clean + text.slice(done);
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
  }

  /** Every occurrence of every needle. One search a needle: values of any size, and linear in the text. */
  #find(text: string): Range[] {
    const ranges: Range[] = [];
    for (const [needle, key] of this.#keys) {
      for (let start = text.indexOf(needle); start >= 0; start = text.indexOf(needle, start + 1)) {
        ranges.push({ start, end: start + needle.length, key });
      }
    }
    return ranges;
  }
}

interface Range {
  start: number;
  end: number;
  key: string;
}

/** Joins ranges that overlap, so that no part of a value is left between two; the longer one gives the key. */
function mergeRanges(ranges: Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1);
    if (last && range.start < last.end) last.end = Math.max(last.end, range.end);
    else merged.push({ ...range });
  }
  return merged;
}

/** A key that is safe inside JSON, a log line and a URL. */
function placeholderKey(key: string): string {
  return key.replace(/[^\w.-]/g, '_');
}
