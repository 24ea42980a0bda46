/**
 * Finds matches in a stream of bytes. All that it knows of the bytes before is the automaton's state, so that a match
 * is found wherever the stream is cut.
 *
 * It looks at the bytes as they are, and where text stands within a needle also at the bytes without what breaks it up
 * (see break-skipper.ts). The second look costs time only there.
 */
import { escapeByte, type Automaton } from './automaton.ts';
import { BreakSkipper, mayBreak } from './break-skipper.ts';
import { deepDepth } from './skip-table.ts';
import { Spans } from './spans.ts';

/** Bytes that the automaton reads before the search tries to skip again; at most half of them are read twice. */
const runLength = 8;

export class Scanner {
  readonly spans = new Spans();
  readonly #automaton: Automaton;
  readonly #skipper: BreakSkipper;
  #state = 0;
  /** Absolute place of the next byte. */
  #place: number;

  constructor(automaton: Automaton, place: number) {
    this.#automaton = automaton;
    this.#skipper = new BreakSkipper(automaton, this.spans);
    this.#place = place;
  }

  /** Absolute place of the first byte that a match to come may have; before it all is decided. */
  get undecidedFrom(): number {
    const start = this.#place - this.#automaton.depth(this.#state);
    return Math.min(start, this.#skipper.undecidedFrom);
  }

  /** Reads on. Matches are added to `spans`. */
  scan(bytes: Buffer): void {
    const base = this.#place;
    let at = 0;
    while (at < bytes.length) {
      at = this.#skipper.active || this.#state >= this.#automaton.deepBase
        ? this.#scanDeep(bytes, at, base)
        : this.#scanShallow(bytes, at);
    }
    this.#place = base + bytes.length;
  }

  /** Ordinary text: returns where the state turned deep, or ESC stands within a needle, or the bytes end. */
  #scanShallow(bytes: Buffer, from: number): number {
    const { table, classes, deepBase, trapBase } = this.#automaton;
    const { length } = bytes;
    let state = this.#state;
    let at = from;
    let skipEnd = -1;
    while (at < length) {
      if (state === 0) {
        if (at >= skipEnd) skipEnd = nextEscape(bytes, at);
        at = this.#skip(bytes, at, skipEnd);
      }
      const end = Math.min(length, at + runLength);
      while (at < end) {
        state = table[state + classes[bytes[at]!]!]!;
        if (state >= deepBase) {
          // Deep states and traps: the byte itself is read again by the careful loop.
          this.#state = state >= trapBase ? state - trapBase : state;
          return state >= trapBase ? this.#enter(bytes, at) : this.#found(at + 1);
        }
        at++;
      }
    }
    this.#state = state;
    return at;
  }
}
