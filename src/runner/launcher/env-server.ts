/**
 * Gives the values to the Node processes of the pod: a unix socket that only the pod's own user may open. Each
 * connection gets the state at once and on every change, as lines of JSON in the form of the env stream's messages
 * (src/api/stream-protocol.ts), and answers with the revision that it uses.
 */
import { once } from 'node:events';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { parsePodMessage } from '../../api/stream-protocol.ts';
import type { EnvState } from '../env/state.ts';
import { createLineReader } from './lines.ts';

export class EnvServer {
  readonly #server: Server;
  readonly #onInUse: (revision: number) => void;
  /** Revision that each connection uses; -1 before its first answer. */
  readonly #connections = new Map<Socket, number>();
  #state: EnvState | undefined;

  /** @param onInUse called when every connection uses the revision published last; at once when there is none */
  constructor(onInUse: (revision: number) => void) {
    this.#onInUse = onInUse;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** Listens; a socket that an earlier life of the container left behind is replaced. */
  async listen(path: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rm(path, { force: true });
    // From its first moment nobody else may open it.
    const umask = process.umask(0o177);
    try {
      this.#server.listen(path);
    } finally {
      process.umask(umask);
    }
    await once(this.#server, 'listening');
    await chmod(path, 0o600);
  }

  publish(state: EnvState): void {
    this.#state = state;
    for (const socket of this.#connections.keys()) send(socket, state);
    this.#check();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#connections.keys()) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.#connections.set(socket, -1);
    const read = createLineReader((line) => {
      const revision = parsePodMessage(line)?.revision;
      if (revision === undefined) return;
      this.#connections.set(socket, revision);
      this.#check(revision);
    });
    socket.setEncoding('utf8').on('data', read);
    // A process that ends while it is written to is no problem of ours.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      const behind = this.#connections.get(socket) !== this.#state?.revision;
      this.#connections.delete(socket);
      if (behind) this.#check();
    });
    if (this.#state) send(socket, this.#state);
  }

  /** Reports the published revision when no connection lags behind; an answer to an older one changes nothing. */
  #check(answered = this.#state?.revision): void {
    if (this.#state === undefined || answered !== this.#state.revision) return;
    const { revision } = this.#state;
    if ([...this.#connections.values()].every((used) => used === revision)) this.#onInUse(revision);
  }
}

function send(socket: Socket, { revision, values, unredacted }: EnvState): void {
  socket.write(`${JSON.stringify({ type: 'env', revision, values, unredacted })}\n`);
}
