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
    const pieces = this.#replace(Infinity);
    return Buffer.concat([...pieces, this.#take(this.#held.length)]);
  }

  #giveDecided(): Buffer {
    const undecided = this.#scanner.undecidedFrom;
    const pieces = this.#replace(undecided);
    // A match to come may begin within an escape sequence, and then replaces it from its backslash on.
    const rest = this.#take(escapeStart(this.#held, 0, Math.max(0, undecided - this.#given)));
    // A few bytes must not keep a large buffer alive.
    this.#held = Buffer.from(this.#held);
    if (pieces.length === 0) return rest;
    return Buffer.concat([...pieces, rest]);
  }

  /** Takes what ends with the last match that begins before the absolute place `limit`. */
  #replace(limit: number): Buffer[] {
    const { spans } = this.#scanner;
    const pieces: Buffer[] = [];
    for (let span = spans.first; span !== undefined && span.start < limit; span = spans.first) {
      // One that overlaps a match already replaced belongs to it.
      if (span.start >= this.#given) {
        const start = span.start - this.#given;
        pieces.push(this.#take(escapeStart(this.#held, 0, start)), this.#placeholder(span.label));
      }
      this.#take(Math.max(0, span.end - this.#given));
      spans.shift();
    }
    return pieces;
  }

  /** Takes so many bytes out of what is held. */
  #take(length: number): Buffer {
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    this.#given += length;
    return taken;
  }

  #placeholder(label: number): Buffer {
    return this.#needles.placeholders[label] ?? empty;
  }
}
