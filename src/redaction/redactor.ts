/**
 * Replaces every spelling of a server's values by `[redacted:KEY]`, in texts and in streams. Values that were replaced
 * stay needles for a grace period, because what was started with them may still print them.
 */
import { Automaton } from './automaton.ts';
import { RedactingFilter, type Needles } from './filter.ts';
import { HeldValues } from './held-values.ts';
import { fullySpelledBytes, needlesOf, shortestBytes } from './needles.ts';
import { RedactingStream } from './stream.ts';

const defaultGraceMs = 24 * 60 * 60 * 1000;

export interface RedactorOptions {
  /** Time for which a value that was replaced or deleted stays redacted, in milliseconds. */
  graceMs?: number;
  now?: () => number;
}

export interface Unredactable {
  key: string;
  reason: string;
}

export class Redactor {
  readonly #now: () => number;
  readonly #held: HeldValues;
  readonly #streams = new Set<RedactingStream>();
  #unredactable: Unredactable[] = [];
  #needles: Needles = compile([]);

  constructor(options: RedactorOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#held = new HeldValues(options.graceMs ?? defaultGraceMs);
  }

  /** Sets the current values, all of them; keys in `unredacted` may show. Streams follow at once. */
  setValues(values: Readonly<Record<string, string>>, unredacted: readonly string[]): void {
    const shown = new Set(unredacted);
    const current = Object.entries(values)
      .map(([key, value]) => ({ key, value }))
      .filter(({ key }) => !shown.has(key));
    this.#unredactable = current.flatMap(({ key, value }) => {
      const reason = problemOf(value);
      return reason === undefined ? [] : [{ key, reason }];
    });
    this.#held.set(current, shown, this.#now());
    this.#compile();
  }

  /** The text without the values, in any of the spellings that `needlesOf` lists. */
  redactText(text: string): string {
    const bytes = Buffer.from(text);
    const filter = new RedactingFilter(this.#current());
    const redacted = Buffer.concat([filter.feed(bytes), filter.end()]);
    return redacted.equals(bytes) ? text : redacted.toString();
  }

  /** A stream of bytes that redacts what passes through, by the values of the moment. */
  stream(): RedactingStream {
    const stream = new RedactingStream(() => this.#current());
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
    return stream;
  }

  /** Current keys whose values can't be redacted, or not in every spelling, and why. */
  unredactable(): Unredactable[] {
    return this.#unredactable.map((entry) => ({ ...entry }));
  }

  #current(): Needles {
    if (this.#held.nextExpiry <= this.#now()) {
      this.#held.expire(this.#now());
      this.#compile();
    }
    return this.#needles;
  }

  #compile(): void {
    this.#needles = compile(this.#held.list());
    for (const stream of this.#streams) stream.refresh();
  }
}

function compile(held: readonly { key: string; value: string }[]): Needles {
  return {
    automaton: new Automaton(
      held.flatMap(({ value }, label) => needlesOf(value).map((bytes) => ({ bytes, label }))),
    ),
    placeholders: held.map(({ key }) => Buffer.from(`[redacted:${placeholderKey(key)}]`)),
  };
}

function problemOf(value: string): string | undefined {
  const bytes = Buffer.byteLength(value.trim());
  if (bytes < shortestBytes) {
    return Buffer.byteLength(value) < shortestBytes
      ? `the value has fewer than ${shortestBytes} bytes`
      : `the value has fewer than ${shortestBytes} bytes besides white space`;
  }
  return bytes > fullySpelledBytes
    ? `the value has more than ${fullySpelledBytes} bytes: as a whole it is redacted as it is, in JSON and in base64 only`
    : undefined;
}

/** A key that is safe inside JSON, a log line and a URL. */
function placeholderKey(key: string): string {
  return key.replace(/[^\w.-]/g, '_');
}
