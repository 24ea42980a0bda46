/** Waiting for a condition in tests. */
import { setTimeout as delay } from 'node:timers/promises';

/** Resolves once `condition` gives something truthy, and gives that; throws after `timeoutMs`. */
export async function until<T>(
  condition: () => T | Promise<T>,
  timeoutMs = 15_000,
): Promise<NonNullable<T>> {
  const limit = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > limit) throw new Error(`not so after ${timeoutMs} ms: ${String(condition)}`);
    await delay(10);
  }
}
