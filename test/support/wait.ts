/** Waits for conditions, so that no test sleeps. */
import { setTimeout as delay } from 'node:timers/promises';

/** Polls until `probe` gives something truthy; fails after `timeoutMs` and says what it waited for. */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T> | T,
  timeoutMs = 60_000,
): Promise<NonNullable<T>> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`gave up after ${timeoutMs} ms waiting for ${what}`);
    await delay(25);
  }
}
