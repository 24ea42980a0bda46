/** One pod's stream after it was accepted: sends updates, hears acknowledgements, ends when its time is up. */
import type { RawData, WebSocket } from 'ws';
import {
  closeReconnect,
  closeRevoked,
  parsePodMessage,
  type HelloMessage,
} from '../../api/stream-protocol.ts';
import type { Subscriber } from './channel.ts';
import { Outbox, type Update } from './outbox.ts';

/** Streams move now and then even if their tokens last, so that the replicas share the load again after a restart. */
const longestLifeMs = 30 * 60_000;

export interface ConnectionOptions {
  wantTools: boolean;
  /** When the pod's token ends, in ms since the epoch; undefined when it does not say. */
  expiresAt: number | undefined;
  pingMs: number;
  /** Told to the pod in `hello`. */
  idleSeconds: number;
  onSent: (update: Update) => void;
  onAcknowledged: (revision: number) => void;
  onClosed: () => void;
}

export class Connection implements Subscriber {
  readonly wantTools: boolean;
  readonly #socket: WebSocket;
  readonly #outbox: Outbox;
  readonly #options: ConnectionOptions;
  readonly #ping: NodeJS.Timeout;
  readonly #end: NodeJS.Timeout;
  #heard = true;

  constructor(socket: WebSocket, options: ConnectionOptions) {
    this.wantTools = options.wantTools;
    this.#socket = socket;
    this.#options = options;
    this.#outbox = new Outbox(socket, options.onSent);
    this.#ping = setInterval(() => this.#checkAlive(), options.pingMs);
    this.#end = setTimeout(() => socket.close(closeReconnect), lifeMs(options.expiresAt));
    const hear = (): void => {
      this.#heard = true;
    };
    socket.on('pong', hear).on('ping', hear);
    socket.on('error', () => socket.terminate());
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.once('close', () => {
      clearInterval(this.#ping);
      clearTimeout(this.#end);
      options.onClosed();
    });
    const hello: HelloMessage = { type: 'hello', idleSeconds: options.idleSeconds };
    this.send({ type: 'hello', message: Buffer.from(JSON.stringify(hello)) });
  }

  send(update: Update): void {
    this.#outbox.put(update);
  }

  revoke(): void {
    this.#socket.close(closeRevoked);
  }

  /** Asks the pod to connect again, to another replica. */
  sendAway(): void {
    this.#socket.close(closeReconnect);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#heard = true;
    const message = isBinary ? undefined : parsePodMessage((data as Buffer).toString());
    if (message) this.#options.onAcknowledged(message.revision);
    else this.#socket.close(1008, 'not a message of this protocol');
  }

  /** A pod that answers no ping is gone, or has not read for so long that it is better off with a new stream. */
  #checkAlive(): void {
    if (!this.#heard) return this.#socket.terminate();
    this.#heard = false;
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }
}

/** At most until the token ends. Spread out, so that streams opened together do not all come back together. */
function lifeMs(expiresAt: number | undefined): number {
  const left = Math.max(0, (expiresAt ?? Number.POSITIVE_INFINITY) - Date.now());
  return Math.min(left, longestLifeMs) * (0.75 + 0.25 * Math.random());
}
