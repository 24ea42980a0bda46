/** Entry of the launcher, which the pod webhook puts in front of a user's program: `launcher.mjs -- command args…`. */
import { readLauncherConfig } from './config.ts';
import { Launcher } from './launcher.ts';
import type { Ending } from './program.ts';
import { endBy, forwardSignals } from './signals.ts';

/** Exit codes of a shell for a command that is not there, or that can't be run. */
const exitCodes: Readonly<Record<string, number>> = { ENOENT: 127, EACCES: 126, ENOEXEC: 126 };
const explanations: Readonly<Record<string, string>> = {
  ENOENT: 'it is not in the image',
  EACCES: 'it may not be executed',
  ENOEXEC: 'it is no program of this platform',
};

function fail(problem: string, code: number): never {
  process.stderr.write(`mcpcore: ${problem}\n`);
  process.exit(code);
}

function createLauncher(): Launcher {
  try {
    const config = readLauncherConfig(process.env, process.argv.slice(2));
    return new Launcher({ ...config, env: process.env, stdout: process.stdout, stderr: process.stderr });
  } catch (error) {
    return fail((error as Error).message, 64);
  }
}

async function main(): Promise<void> {
  const launcher = createLauncher();
  const stopForwarding = forwardSignals(launcher, process.stdin.isTTY);
  // Node would print an error with its message and stack as they are.
  process.on('uncaughtException', ({ name, message, stack }) => {
    launcher.log.error({ name, problem: message, stack }, 'the launcher failed');
    process.exit(1);
  });
  const ending = await launcher.run().catch(notStarted);
  stopForwarding();
  if ('signal' in ending) endBy(ending.signal, process.pid);
  else process.exit(ending.code);
}

function notStarted(error: NodeJS.ErrnoException & { spawnargs?: unknown }): Ending {
  const { code = '', path } = error;
  if (error.syscall?.startsWith('spawn') !== true) throw error;
  return fail(`cannot start ${path}: ${explanations[code] ?? code}`, exitCodes[code] ?? 126);
}

await main();
