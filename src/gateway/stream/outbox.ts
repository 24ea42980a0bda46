/**
 * What waits to be sent to one pod: at most one message under way and, of each kind, the newest behind it. A pod that
 * reads slowly skips the states in between, and costs no more memory than one that reads quickly.
 */
import type { WebSocket } from 'ws';
import type { ServerMessage } from '../../api/stream-protocol.ts';

/** A message, serialised once for all pods. */
export interface Update {
  type: ServerMessage['type'];
  /** Of an env message. */
  revision?: number;
  message: Buffer;
}

export class Outbox {
  readonly #socket: WebSocket;
  readonly #onSent: (update: Update) => void;
  readonly #pending = new Map<Update['type'], Update>();
  #sending = false;

  /** @param onSent told when an update has been handed to the network */
  constructor(socket: WebSocket, onSent: (update: Update) => void) {
    this.#socket = socket;
    this.#onSent = onSent;
  }

  /** Sends the update, in place of an older one of its type that still waits. */
  put(update: Update): void {
    this.#pending.set(update.type, update);
    this.#next();
  }

  #next(): void {
    if (this.#sending || this.#socket.readyState !== this.#socket.OPEN) return;
    const [update] = this.#pending.values();
    if (!update) return;
    this.#pending.delete(update.type);
    this.#sending = true;
    this.#socket.send(update.message, { binary: false }, (error) => {
      this.#sending = false;
      // A socket that can't be written to closes, and its owner hears of that.
      if (error) return;
      this.#onSent(update);
      this.#next();
    });
  }
}
