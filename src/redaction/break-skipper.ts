/**
 * Follows a match through what breaks up a value in a text: colours in the midst of it (ANSI control sequences,
 * ECMA-48 5.4), and, once `deepDepth` bytes have matched, line breaks with the indentation behind them, real or
 * escaped as in JSON: base64 is wrapped at 76 columns, keys are printed indented.
 *
 * It runs beside the scanner's own state, from the first such break until the text that it stands in has none any more.
 */
import { escapeByte, type Automaton } from './automaton.ts';
import { deepDepth } from './skip-table.ts';
import type { Spans } from './spans.ts';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const tab = 0x09;
const space = 0x20;
const backslash = 0x5c;
const openBracket = 0x5b;
const letterN = 0x6e;
const letterR = 0x72;
const blanks: ReadonlySet<number> = new Set([lineFeed, carriageReturn, space, tab]);
/** A break with more bytes than this is none. */
const longestBreak = 64;
/** Backslashes before the letter of an escaped line break: JSON three levels deep has four. */
const mostBackslashes = 4;

const none = 0;
const escape = 1;
const controlSequence = 2;
const lineBreak = 3;
const escapedBreak = 4;

/** Whether a break can begin with `byte`, so deep in a needle. */
export function mayBreak(byte: number, depth: number): boolean {
  if (byte === escapeByte) return depth > 0;
  return depth >= deepDepth && (byte === lineFeed || byte === carriageReturn || byte === backslash);
}

export class BreakSkipper {
  readonly #automaton: Automaton;
  readonly #spans: Spans;
  #active = false;
  #state = 0;
  /** Absolute place behind the last byte that the state stands for. */
  #end = 0;
  /** Breaks that the match so far passed over, in order, from `#first` on. */
  #breaks: { start: number; end: number }[] = [];
  #first = 0;
  /** Bytes of those breaks. */
  #passed = 0;
  /** The break being read, in case that it turns out to be none. */
  #kind = none;
  readonly #read: number[] = [];

  constructor(automaton: Automaton, spans: Spans) {
    this.#automaton = automaton;
    this.#spans = spans;
  }

  get active(): boolean {
    return this.#active;
  }

  /** Absolute place of the first byte that a match to come may have. */
  get undecidedFrom(): number {
    return this.#active ? this.#end - this.#passed - this.#automaton.depth(this.#state) : Infinity;
  }

  /** Begins with the byte at `place`, at which `mayBreak` holds for `state`. */
  start(state: number, byte: number, place: number): void {
    this.#active = true;
    this.#state = state;
    this.#end = place;
    this.#breaks = [];
    this.#first = 0;
    this.#passed = 0;
    this.feed(byte, place);
  }

  feed(byte: number, place: number): void {
    if (this.#kind === none) this.#plain(byte, place);
    else if (this.#continues(byte)) this.#extend(byte, place);
    else this.#leave(byte, place);
    this.#forget();
    // Without a break in it, the scanner's own state knows all that this one does.
    if (this.#kind === none && this.#first === this.#breaks.length) this.#stop();
  }

  #plain(byte: number, place: number): void {
    if (!mayBreak(byte, this.#automaton.depth(this.#state))) return this.#step(byte, place);
    this.#kind = byte === escapeByte ? escape : byte === backslash ? escapedBreak : lineBreak;
    this.#read.length = 0;
    this.#read.push(byte);
  }

  /** Whether the break being read goes on with `byte`. */
  #continues(byte: number): boolean {
    if (this.#kind === escape) return byte === openBracket;
    if (this.#kind === controlSequence) return byte >= 0x20 && byte <= 0x7e;
    if (this.#kind === lineBreak) return blanks.has(byte);
    if (byte === backslash) return this.#read.length < mostBackslashes;
    return byte === letterN || byte === letterR;
  }

  #extend(byte: number, place: number): void {
    this.#read.push(byte);
    if (this.#read.length > longestBreak) this.#stop();
    else if (this.#kind === escape) this.#kind = controlSequence;
    else if (this.#kind === escapedBreak && byte !== backslash) this.#kind = lineBreak;
    else if (this.#kind === controlSequence && byte >= 0x40) this.#pass(place + 1);
  }

  /** `byte` is no part of the break: either the break was complete, or it was none and is text. */
  #leave(byte: number, place: number): void {
    if (this.#kind === lineBreak) this.#pass(place);
    else {
      this.#kind = none;
      const from = place - this.#read.length;
      this.#read.forEach((text, index) => this.#step(text, from + index));
    }
    this.#plain(byte, place);
  }

  #pass(end: number): void {
    this.#breaks.push({ start: this.#end, end });
    this.#passed += end - this.#end;
    this.#end = end;
    this.#kind = none;
  }

  #step(byte: number, place: number): void {
    const automaton = this.#automaton;
    this.#state = automaton.next(this.#state, byte);
    this.#end = place + 1;
    const length = automaton.matchLength(this.#state);
    if (length > 0) this.#spans.add(this.#startOf(length), this.#end, automaton.matchLabel(this.#state));
  }

  /** Absolute place of the byte that is `length` matched bytes before the end. */
  #startOf(length: number): number {
    let place = this.#end;
    let left = length;
    for (let index = this.#breaks.length - 1; index >= this.#first; index--) {
      const { start, end } = this.#breaks[index]!;
      const between = Math.max(0, place - end);
      if (left <= between) break;
      left -= between;
      place = start;
    }
    return place - left;
  }

  /** Forgets breaks that the match so far no longer spans. */
  #forget(): void {
    const depth = this.#automaton.depth(this.#state);
    for (; this.#first < this.#breaks.length; this.#first++) {
      const { start, end } = this.#breaks[this.#first]!;
      const later = this.#passed - (end - start);
      if (this.#end - end - later < depth) return;
      this.#passed = later;
    }
    this.#breaks = [];
    this.#first = 0;
  }

  #stop(): void {
    this.#active = false;
    this.#kind = none;
  }
}
