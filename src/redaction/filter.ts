/**
 * Replaces matches in a stream of bytes as it comes. It gives every byte on at once, except those that a match to come
 * may begin with: those it holds until more bytes decide, or the end. So a value is never let through in parts,
 * however slowly it is written, and nothing else waits; there is no time limit that could cut a value.
 */
import type { Automaton } from './automaton.ts';
import { escapeStart } from './escape-start.ts';
import { Scanner } from './scanner.ts';

/** What to search for, and by label what to put in its place. */
export interface Needles {
  readonly automaton: Automaton;
  readonly placeholders: readonly Buffer[];
}

const empty = Buffer.alloc(0);

export class RedactingFilter {
  #needles: Needles;
  #scanner: Scanner;
  /** Bytes read and not given on yet; they begin at `#given`. */
  #held: Buffer = empty;
  /** Absolute place up to which the bytes are given on or replaced. */
  #given = 0;

  constructor(needles: Needles) {
    this.#needles = needles;
    this.#scanner = new Scanner(needles.automaton, 0);
  }

  /** Reads on; returns what is decided by now. Bytes that need no change are not copied. */
  feed(chunk: Buffer): Buffer {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#scanner.scan(chunk);
    return this.#giveDecided();
  }

  /** Goes on with other needles, for what is held too. */
  change(needles: Needles): Buffer {
    this.#needles = needles;
    this.#scanner = new Scanner(needles.automaton, this.#given);
    this.#scanner.scan(this.#held);
    return this.#giveDecided();
  }

  /** There are no more bytes: what is held was the start of a match and did not become one. */
  end(): Buffer {
    return this.#give(this.#given + this.#held.length);
  }

  #giveDecided(): Buffer {
    const limit = Math.max(0, this.#scanner.undecidedFrom - this.#given);
    // A match to come may begin within an escape sequence, and then replaces it from its backslash on.
    return this.#give(this.#given + escapeStart(this.#held, 0, limit));
  }

  /** Takes the bytes before the absolute place `limit` out, replaced. */
  #give(limit: number): Buffer {
    const { spans } = this.#scanner;
    const base = this.#given;
    const bytes = this.#held;
    const pieces: Buffer[] = [];
    for (let span = spans.first; span !== undefined && span.start < limit; span = spans.first) {
      // One that overlaps a match already replaced belongs to it.
      if (span.start >= this.#given) {
        const start = escapeStart(bytes, this.#given - base, span.start - base);
        pieces.push(
          bytes.subarray(this.#given - base, start),
          this.#needles.placeholders[span.label] ?? empty,
        );
      }
      this.#given = Math.max(this.#given, span.end);
      spans.shift();
    }
    if (this.#given < limit) {
      pieces.push(bytes.subarray(this.#given - base, limit - base));
      this.#given = limit;
    }
    const rest = bytes.subarray(this.#given - base);
    // A few bytes must not keep a large buffer alive.
    this.#held = rest.length < bytes.length / 2 ? Buffer.from(rest) : rest;
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }
}
