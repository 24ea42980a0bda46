/** Entry of the runner process in the pods of an McpServer that has tool code. */
import { Redactor } from '../redaction/redactor.ts';
import { readConfig } from './config.ts';
import { createRunner } from './runner.ts';

/** Of package.json, which the build puts here; run from source there is none. */
declare const MCPCORE_VERSION: string | undefined;
const version = typeof MCPCORE_VERSION === 'string' ? MCPCORE_VERSION : '0.0.0-source';

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const runner = createRunner({ ...config, redactor: new Redactor(), out: process.stdout, version });
  const stop = new AbortController();
  let stopping: Promise<void> | undefined;

  const end = async (): Promise<void> => {
    await runner.drain(config.drain);
    stop.abort();
    process.exit(0);
  };
  // Node would print an error with its message and stack as they are.
  const die = (error: unknown): void => {
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    runner.log.error({ name, problem: message, stack }, 'the runner failed');
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void (stopping ??= end()));

  runner.http.listen(config.port, () => runner.log.info({ address: runner.http.address() }, 'listening'));
  await runner.start(stop.signal);
}

await main();
