/** Child processes: run one to its end and get what it printed, or fail with the reason. */
import { execFile, type ExecFileOptions } from 'node:child_process';

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  input?: string;
}

/**
 * Runs a command to its end and returns its standard output.
 * @throws Error with the end of what the command printed when it could not be started or failed.
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { input, ...rest } = options;
  const settings: ExecFileOptions = { maxBuffer: 64 * 1024 * 1024, encoding: 'utf8', ...rest };
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, settings, (error, stdout, stderr) => {
      if (!error) return resolve(String(stdout));
      const said = String(stderr).trim() || String(stdout).trim() || error.message;
      reject(new Error(`${command} ${args.slice(0, 2).join(' ')} failed: ${said.slice(-2000)}`));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

/** Whether the command ends with exit code 0; what it prints is dropped. */
export async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  return run(command, args).then(
    () => true,
    () => false,
  );
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Waits until `probe` returns something other than undefined or false, looking every `everyMs`.
 * @throws Error that names `what` after `timeoutMs`, with the last error of the probe as its cause.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 60_000, everyMs = 50 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > end) {
      throw new Error(`${what}: not within ${Math.round(timeoutMs / 1000)} s`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
