/** Long-running child processes that never outlive their parent. */
import { spawn, type ChildProcess } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';

/**
 * Starts a program with its output appended to `log`. The kernel kills it when this process dies, however it dies.
 */
export function startChild(command: string, args: readonly string[], log: string): ChildProcess {
  const output = openSync(log, 'a');
  try {
    return spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], { stdio: ['ignore', output, output] });
  } finally {
    closeSync(output);
  }
}

/** Sends the signal and waits until the child has ended. */
export async function endChild(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await ended;
}

/** Whether the child has ended by itself or by a signal. */
export const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

/**
 * Removes the directory once this process is gone, even when it was killed and could not clean up itself.
 * Returns a function that does it now.
 */
export function removeAfterwards(directory: string): () => Promise<void> {
  const script = 'trap "" INT TERM HUP; cat > /dev/null; rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }';
  const guard = spawn('sh', ['-c', script, 'sh', directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return async () => {
    const ended = new Promise((resolve) => guard.once('exit', resolve));
    guard.ref();
    guard.stdin?.end();
    await ended;
  };
}
