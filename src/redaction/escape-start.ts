/** Keeps cuts in a text out of the escape sequences of JSON. */

const backslash = 0x5c;
const letterU = 0x75;
/** A cut can be behind `\u` and up to three hexadecimal digits. */
const longestStart = 5;

/**
 * Where a cut at `at` belongs: at the backslash when it would be within `\n` or `\uXXXX`, else at `at`.
 *
 * @param from start of the text, or a place that is not within an escape sequence
 */
export function escapeStart(bytes: Uint8Array, from: number, at: number): number {
  for (let last = at - 1; last >= from && last >= at - longestStart; last--) {
    if (bytes[last] === backslash) return isOdd(bytes, from, last) && fits(bytes, last, at) ? last : at;
  }
  return at;
}

/** Whether the run of backslashes that ends at `last` has an odd length: then the last one begins an escape. */
function isOdd(bytes: Uint8Array, from: number, last: number): boolean {
  let start = last;
  while (start > from && bytes[start - 1] === backslash) start--;
  return (last - start) % 2 === 0;
}

/** Whether what stands between the backslash and the cut is the start of `uXXXX`, or nothing. */
function fits(bytes: Uint8Array, last: number, at: number): boolean {
  if (last + 1 === at) return true;
  if (bytes[last + 1] !== letterU) return false;
  for (let place = last + 2; place < at; place++) {
    if (!/[\da-f]/i.test(String.fromCharCode(bytes[place]!))) return false;
  }
  return true;
}
