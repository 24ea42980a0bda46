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

/** Bytes that the automaton reads before the search tries to skip again. */
const runLength = 8;
/** So many of them may be read twice for that; the search stays linear whatever the text. */
const rereadLength = 4;

export class Scanner {
  readonly spans = new Spans();
  readonly #automaton: Automaton;
  readonly #skipper: BreakSkipper;
  #state = 0;
  /** Absolute place of the first byte of the buffer being read, between buffers of the next one. */
  #base: number;

  /** @param place absolute place of the first byte to come */
  constructor(automaton: Automaton, place: number) {
    this.#automaton = automaton;
    this.#skipper = new BreakSkipper(automaton, this.spans);
    this.#base = place;
  }

  /** Absolute place of the first byte that a match to come may have; before it all is decided. */
  get undecidedFrom(): number {
    const start = this.#base - this.#automaton.depth(this.#state);
    return Math.min(start, this.#skipper.undecidedFrom);
  }

  /** Reads on. Matches are added to `spans`. */
  scan(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      const careful = this.#skipper.active || this.#state >= this.#automaton.deepBase;
      at = careful ? this.#scanDeep(bytes, at) : this.#scanShallow(bytes, at);
    }
    this.#base += bytes.length;
  }

  /** Ordinary text. Returns the place where it ends: deep in a needle, or at ESC within one. */
  #scanShallow(bytes: Buffer, from: number): number {
    const { table, classes, deepBase } = this.#automaton;
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
        at++;
        if (state >= deepBase) return this.#leaveShallow(state, at);
      }
      if (state !== 0 && at < length) {
        const depth = this.#automaton.depth(state);
        if (depth <= rereadLength && at - depth >= from) {
          at -= depth;
          state = 0;
        }
      }
    }
    this.#state = state;
    return at;
  }

  /** Passes over places where no needle begins, as far as eight bytes before `end`. */
  #skip(bytes: Buffer, from: number, end: number): number {
    const { skips, mask } = this.#automaton.skips;
    const last = end - deepDepth;
    let at = from;
    while (at <= last) {
      const skip = skips[((bytes[at + 5]! << 10) ^ (bytes[at + 6]! << 5) ^ bytes[at + 7]!) & mask]!;
      if (skip === 0) break;
      at += skip;
    }
    return at;
  }

  #leaveShallow(state: number, at: number): number {
    const automaton = this.#automaton;
    const place = this.#base + at - 1;
    if (state < automaton.trapBase) {
      this.#state = state;
      this.#report(place + 1);
    } else {
      const before = state - automaton.trapBase;
      this.#state = automaton.next(before, escapeByte);
      if (before !== 0) this.#skipper.start(before, escapeByte, place);
    }
    return at;
  }

  /** Text within a needle. Returns the place where it is ordinary again. */
  #scanDeep(bytes: Buffer, from: number): number {
    const automaton = this.#automaton;
    const skipper = this.#skipper;
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at]!;
      const before = this.#state;
      this.#state = automaton.next(before, byte);
      if (skipper.active) skipper.feed(byte, this.#base + at);
      else if (mayBreak(byte, automaton.depth(before))) skipper.start(before, byte, this.#base + at);
      if (this.#state >= automaton.deepBase) this.#report(this.#base + at + 1);
      else if (!skipper.active) return at + 1;
    }
    return bytes.length;
  }

  #report(end: number): void {
    const length = this.#automaton.matchLength(this.#state);
    if (length > 0) this.spans.add(end - length, end, this.#automaton.matchLabel(this.#state));
  }
}

function nextEscape(bytes: Buffer, from: number): number {
  const found = bytes.indexOf(escapeByte, from);
  return found < 0 ? bytes.length : found;
}
