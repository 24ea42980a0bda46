/** Redaction by the plainest means: every needle tried at every place. For comparison. */
import { Automaton } from '../../../src/redaction/automaton.ts';
import { RedactingFilter, type Needles } from '../../../src/redaction/filter.ts';

/** `[n]` in place of the needle with index n; a needle with the same bytes as an earlier one is that one. */
export function redactSlowly(text: Buffer, needles: readonly Buffer[]): Buffer {
  const pieces: Buffer[] = [];
  let given = 0;
  for (let at = 0; at < text.length;) {
    const label = longestAt(text, needles, at);
    if (label < 0) {
      at++;
      continue;
    }
    let end = at + needles[label]!.length;
    for (let inner = at + 1; inner < end; inner++) {
      const other = longestAt(text, needles, inner);
      if (other >= 0) end = Math.max(end, inner + needles[other]!.length);
    }
    pieces.push(text.subarray(given, withoutEscape(text, given, at)), Buffer.from(`[${label}]`));
    given = at = end;
  }
  return Buffer.concat([...pieces, text.subarray(given)]);
}

function longestAt(text: Buffer, needles: readonly Buffer[], at: number): number {
  let best = -1;
  needles.forEach((needle, index) => {
    const fits = text.subarray(at, at + needle.length).equals(needle);
    if (fits && (best < 0 || needle.length > needles[best]!.length)) best = index;
  });
  return best;
}

/** Where the text ends when an escape sequence of JSON that `at` would cut is left out. */
function withoutEscape(text: Buffer, from: number, at: number): number {
  const before = text.toString('latin1', from, at);
  const cut = /(?:^|[^\\])(?:\\\\)*(\\(?:u[\da-fA-F]{0,3})?)$/.exec(before)?.[1];
  return at - (cut?.length ?? 0);
}

export function compile(needles: readonly Buffer[]): Needles {
  return {
    automaton: new Automaton(needles.map((bytes, label) => ({ bytes, label }))),
    placeholders: needles.map((_, label) => Buffer.from(`[${label}]`)),
  };
}

/** Feeds the parts one by one. */
export function redactParts(needles: Needles, parts: readonly Buffer[]): Buffer {
  const filter = new RedactingFilter(needles);
  return Buffer.concat([...parts.map((part) => filter.feed(part)), filter.end()]);
}

/** The text in parts that end at the given places. */
export function cut(text: Buffer, ...places: number[]): Buffer[] {
  const ends = [...places.toSorted((a, b) => a - b), text.length];
  return ends.map((end, index) => text.subarray(ends[index - 1] ?? 0, end));
}
