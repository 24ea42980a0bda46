/**
 * Loaded into every Node process of a user's pod by NODE_OPTIONS=--import, worker threads and child processes
 * included: before the program's own code runs, it defines `env` with the values of the moment.
 *
 * It runs in the Node of the user's image, and so uses nothing newer than Node 18.19. Without MCPCORE_SOCKET it does
 * nothing; where a server's values are expected and can't be had, the process ends: the program never runs without.
 */
import { existsSync, realpathSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { parseServerMessage } from '../../api/stream-protocol.ts';
import { makeEnv } from '../env/proxy.ts';
import { createLineReader } from './lines.ts';

/** The values of the moment. */
class LiveValues {
  #values = new Map<string, string>();

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  set(values: Readonly<Record<string, string>>): void {
    this.#values = new Map(Object.entries(values));
  }
}

/** Keeps `values` current; resolves with the first state. The connection then no longer keeps the process alive. */
function follow(path: string, values: LiveValues): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const read = createLineReader((line) => {
      const message = parseServerMessage(line);
      if (message?.type !== 'env') return;
      values.set(message.values);
      socket.write(`${JSON.stringify({ type: 'ack', revision: message.revision })}\n`);
      socket.unref();
      resolve();
    });
    socket.setEncoding('utf8').on('data', read);
    // After the first state the last values stay in use, and neither of these has an effect.
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the launcher closed the connection')));
  });
}

function fail(problem: string): never {
  const message = `mcpcore: the values of this pod's McpServer are not available: ${problem}`;
  if (!isMainThread) throw new Error(message);
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** The launcher itself has the pod's NODE_OPTIONS too; it is the file beside this one. */
function isLauncher(): boolean {
  const script = process.argv[1];
  if (script === undefined || !existsSync(script)) return false;
  // Modules are known by their real path, and /var/run is a link in most images.
  return dirname(realpathSync(script)) === dirname(realpathSync(fileURLToPath(import.meta.url)));
}

async function main(): Promise<void> {
  const { MCPCORE_SOCKET: path, MCPCORE_SERVER: server } = process.env;
  if (isLauncher()) return;
  if (!path) return server ? fail('MCPCORE_SOCKET is not set') : undefined;
  const values = new LiveValues();
  try {
    await follow(path, values);
  } catch (error) {
    return fail((error as NodeJS.ErrnoException).code ?? (error as Error).message);
  }
  // Configurable, so that a program may have a variable of that name at its top level.
  Object.defineProperty(globalThis, 'env', { value: makeEnv((key) => values.get(key)), configurable: true });
}

await main();
