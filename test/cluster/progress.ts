/** Tells a waiting person what is going on: one line a step, with elapsed seconds while a long step runs. */

/** Prints one line of progress on standard error, where it does not mix with results. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Runs a long step: announces it, shows the elapsed seconds, and says how long it took. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const begin = performance.now();
  const elapsed = () => `${Math.round((performance.now() - begin) / 1000)} s`;
  const live = process.stderr.isTTY;
  say(`${title}…`);
  const ticker = setInterval(
    () => {
      if (live) process.stderr.write(`\r  ${elapsed()} `);
      else say(`  still ${title} (${elapsed()})`);
    },
    live ? 1000 : 30_000,
  );
  try {
    const result = await work();
    say(`${live ? '\r' : ''}  done in ${elapsed()}`);
    return result;
  } finally {
    clearInterval(ticker);
  }
}
