/**
 * Tells how far a search can move on where no needle can begin (Wu and Manber, 1994): by the last three of the next
 * `deepDepth` bytes. It is a filter in front of the automaton only, so collisions cost time and nothing else.
 */
import type { Needle } from './trie.ts';

/** Length of the shortest needle; text is deep in a needle from so many bytes on. */
export const deepDepth = 8;
const block = 3;

export interface SkipTable {
  /** By hash of three bytes: how many places can be passed over; 0 where a needle may begin. */
  readonly skips: Uint8Array;
  readonly mask: number;
}

/** `(first << 10 ^ second << 5 ^ third) & mask` is the place of three bytes in the table. */
export function skipTable(needles: readonly Needle[]): SkipTable {
  // One place in sixteen taken at most, between 64 Ki and 1 Mi places.
  const bits = Math.min(20, Math.max(16, Math.ceil(Math.log2(needles.length * deepDepth * 16 + 1))));
  const mask = 2 ** bits - 1;
  const skips = new Uint8Array(mask + 1).fill(deepDepth - block + 1);
  for (const { bytes } of needles) {
    for (let end = block; end <= deepDepth; end++) {
      const place = hash(bytes[end - 3]!, bytes[end - 2]!, bytes[end - 1]!) & mask;
      skips[place] = Math.min(skips[place]!, deepDepth - end);
    }
  }
  return { skips, mask };
}

function hash(first: number, second: number, third: number): number {
  return (first << 10) ^ (second << 5) ^ third;
}
