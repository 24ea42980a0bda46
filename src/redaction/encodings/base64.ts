/** Base64 of a value inside a longer base64 text, whatever stands before and after it. */

/** Groups that are left out at the start in turn, because a line break may have cut them off. */
const skippableGroups = 3;

/**
 * The part of a base64 text that depends on the value alone, for each of the three offsets that the value can have in
 * a group of three bytes (RFC 4648, both alphabets). Padding and the characters that share bits with a neighbour are
 * outside of it, so that any prefix and suffix fit.
 */
export function base64Cores(bytes: Buffer): string[] {
  const cores: string[] = [];
  for (let offset = 0; offset < 3; offset++) {
    const skipped = (3 - offset) % 3;
    const core = bytes.toString('base64', skipped, skipped + Math.floor((bytes.length - skipped) / 3) * 3);
    // A wrapped text (RFC 2045) can break after the first few characters: from there on the rest is a needle of its own.
    for (let groups = 0; groups < skippableGroups; groups++) cores.push(core.slice(4 * groups));
  }
  return cores.flatMap((core) => [core, core.replaceAll('+', '-').replaceAll('/', '_')]);
}
