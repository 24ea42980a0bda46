/** Signals: passed on to the program, and the way to end as the program ended. */
import { constants } from 'node:os';

const forwarded = [
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGWINCH',
  'SIGCONT',
] as const satisfies NodeJS.Signals[];

/** A terminal sends these to the program itself, which is in the same process group. */
const fromTerminal: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGWINCH']);
/** Before there is a program, these end the launcher; PID 1 has no default action for any. */
const ending: ReadonlySet<NodeJS.Signals> = new Set(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']);

export interface SignalTarget {
  /** Passes a signal to the program; false when there is none yet. */
  kill(signal: NodeJS.Signals): boolean;
}

/** Passes signals on until the function that it returns is called. */
export function forwardSignals(target: SignalTarget, terminal: boolean): () => void {
  const handlers = forwarded
    .filter((signal) => !(terminal && fromTerminal.has(signal)))
    .map((signal) => {
      const handler = (): void => {
        if (!target.kill(signal) && ending.has(signal)) process.exit(exitCode(signal));
      };
      process.on(signal, handler);
      return { signal, handler };
    });
  return () => {
    for (const { signal, handler } of handlers) process.off(signal, handler);
  };
}

/** What shells and container runtimes say of a process that a signal ended. */
export function exitCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** Ends this process by the signal that ended the program, where the kernel lets it: PID 1 can't end itself so. */
export function endBy(signal: NodeJS.Signals, pid: number): void {
  if (pid === 1) process.exit(exitCode(signal));
  // A core of the launcher would hold the values; its program has left its own where it should.
  process.kill(pid, signal);
  // Signals with a default action other than ending leave it running.
  setTimeout(() => process.exit(exitCode(signal)), 1000);
}
