/** Delays between attempts to connect, spread so that the pods of a cluster do not come back all at once. */

const baseMs = 100;
const capMs = 10_000;

/**
 * Full jitter: uniform between 0.1 s and a ceiling that doubles with each failed attempt, up to 10 s.
 *
 * @param attempt failed attempts before this one, from 0
 * @param random uniform in [0, 1)
 * @returns milliseconds
 */
export function reconnectDelay(attempt: number, random: () => number): number {
  const ceiling = Math.min(capMs, baseMs * 2 ** Math.min(attempt + 1, 16));
  return Math.round(baseMs + random() * (ceiling - baseMs));
}
