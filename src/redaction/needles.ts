/** The spellings of a value that may show up in a text, each a needle to search for: pure. */

/** Values shorter than this occur in ordinary text by chance; redacting them would garble every line. */
export const shortestBytes = 8;

/** Every needle of one value, without duplicates; empty for a value under `shortestBytes`. */
export function needlesOf(value: string): string[] {
  if (Buffer.byteLength(value) < shortestBytes) return [];
  const bytes = Buffer.from(value);
  const hex = bytes.toString('hex');
  const percent = encodeURIComponent(value);
  const json = JSON.stringify(value).slice(1, -1);
  const lines = value.split(/\r?\n/).filter((line) => line.length >= 12);
  const needles = [
    value,
    json,
    JSON.stringify(json).slice(1, -1),
    json.replaceAll('/', '\\/'),
    hex,
    hex.toUpperCase(),
    percent,
    percent.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
    percent.replaceAll('%20', '+'),
    ...base64Cores(bytes),
    ...lines,
  ];
  return [...new Set(needles)].filter((needle) => needle.length >= shortestBytes);
}

/**
 * The part of a base64 text that is the same whatever stands before and after the value: one for each of the three
 * offsets that the value can have in a group of three bytes.
 */
function base64Cores(bytes: Buffer): string[] {
  const cores = [0, 1, 2].map((offset) => {
    const skipped = (3 - offset) % 3;
    const whole = Math.floor((bytes.length - skipped) / 3) * 3;
    return bytes.subarray(skipped, skipped + whole).toString('base64');
  });
  return cores.flatMap((core) => [core, core.replaceAll('+', '-').replaceAll('/', '_')]);
}
