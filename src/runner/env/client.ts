/**
 * Keeps one connection to the gateway's env stream and passes on what it says. While the gateway is away the last
 * state stays in use. Values are never logged; what is logged is names of events, codes and delays.
 */
import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import {
  closeReconnect,
  maxMessageBytes,
  parseServerMessage,
  streamPath,
  streamProtocol,
  type ServerMessage,
  type ToolsMessage,
} from '../../api/stream-protocol.ts';
import { reconnectDelay } from './backoff.ts';
import { createRevisionGate, type RevisionGate } from './revision-gate.ts';
import type { EnvState } from './state.ts';

export type { EnvState } from './state.ts';

export interface EnvClientLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface EnvClientOptions {
  /** `wss://host:port` of the gateway. */
  url: string;
  namespace: string;
  server: string;
  /** Directory of the projected `token` and `ca.crt`; both are read anew for every connection. */
  identityDir: string;
  /** Ask for the tools of the server too. */
  wantTools: boolean;
  log: EnvClientLog;
  /** Uniform in [0, 1); Math.random unless a test says otherwise. */
  random?: () => number;
  /** How long a lower revision waits to be overtaken, in milliseconds (see revision-gate.ts). */
  settleMs?: number;
}

interface Events {
  env: [EnvState];
  tools: [ToolsMessage];
  connected: [];
  disconnected: [{ code: number }];
}

/** Silence that ends a connection which has not said `hello` yet, in milliseconds. */
const handshakeMs = 10_000;

/** Emits `env`, `tools`, `connected` and `disconnected`. It never emits `error`: it tries again for ever. */
export class EnvClient extends EventEmitter<Events> {
  readonly #options: EnvClientOptions;
  readonly #gate: RevisionGate;
  #socket: WebSocket | undefined;

  constructor(options: EnvClientOptions) {
    super();
    this.#options = options;
    this.#gate = createRevisionGate((state) => this.emit('env', state), options.settleMs);
  }

  /** Connects, and keeps connecting until the signal aborts. */
  start(signal: AbortSignal): void {
    signal.addEventListener('abort', () => {
      this.#gate.close();
      this.#socket?.close(1000);
    });
    void this.#run(signal);
  }

  /** Tells the gateway that the revision is in use. While disconnected it is not sent: the next state asks again. */
  ack(revision: number): void {
    if (this.#socket?.readyState === WebSocket.OPEN)
      this.#socket.send(JSON.stringify({ type: 'ack', revision }));
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { log, random = Math.random } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const end = await this.#connectOnce(signal);
      if (signal.aborted) return;
      // A connection that gave a state was a good one; only from such a one is "connect at once" believed.
      failures = end.gaveState ? 0 : failures + 1;
      const waitMs = end.gaveState && end.code === closeReconnect ? 0 : reconnectDelay(failures, random);
      log.warn({ code: end.code, problem: end.problem, waitMs }, 'env stream ended');
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #connectOnce(signal: AbortSignal): Promise<{ code: number; gaveState: boolean; problem?: string }> {
    try {
      const socket = await this.#open();
      return signal.aborted
        ? (socket.terminate(), { code: 0, gaveState: false })
        : await this.#follow(socket);
    } catch (error) {
      return { code: 0, gaveState: false, problem: errorCode(error) };
    }
  }

  async #open(): Promise<WebSocket> {
    const { url, namespace, server, identityDir, wantTools } = this.#options;
    const [token, ca] = await Promise.all([
      readFile(join(identityDir, 'token'), 'utf8'),
      readFile(join(identityDir, 'ca.crt'), 'utf8'),
    ]);
    const address = new URL(streamPath(namespace, server), url);
    if (wantTools) address.searchParams.set('tools', '1');
    return new WebSocket(address, streamProtocol, {
      ca,
      headers: { authorization: `Bearer ${token.trim()}` },
      handshakeTimeout: handshakeMs,
      maxPayload: maxMessageBytes,
      // Compressing secrets beside attacker-chosen text would leak them by size.
      perMessageDeflate: false,
      followRedirects: false,
    });
  }

  /** Serves one connection to its end. */
  #follow(socket: WebSocket): Promise<{ code: number; gaveState: boolean; problem?: string }> {
    this.#socket = socket;
    let gaveState = false;
    let problem: string | undefined;
    const watchdog = new Watchdog(socket);
    socket.on('open', () => this.emit('connected'));
    socket.on('message', (data, binary) => {
      watchdog.touch();
      const message = binary ? undefined : parseServerMessage((data as Buffer).toString('utf8'));
      if (message?.type === 'hello') watchdog.arm(message.idleSeconds * 1000);
      if (message?.type === 'env') gaveState = true;
      if (message) this.#receive(message);
    });
    socket.on('error', (error) => (problem = errorCode(error)));
    return new Promise((resolve) => {
      socket.on('close', (code) => {
        watchdog.stop();
        this.#socket = undefined;
        this.emit('disconnected', { code });
        resolve({ code, gaveState, ...(problem !== undefined && { problem }) });
      });
    });
  }

  #receive(message: ServerMessage): void {
    if (message.type === 'tools') this.emit('tools', message);
    if (message.type === 'env') {
      this.#gate.offer({
        revision: message.revision,
        values: message.values,
        unredacted: message.unredacted,
      });
    }
  }
}

/** Ends a connection on which nothing came for too long, and pings so that the other side hears from us. */
class Watchdog {
  readonly #socket: WebSocket;
  #idle: NodeJS.Timeout;
  #ping: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#idle = setTimeout(() => socket.terminate(), 2 * handshakeMs);
    socket.on('ping', () => this.touch());
    socket.on('pong', () => this.touch());
  }

  arm(idleMs: number): void {
    this.stop();
    this.#idle = setTimeout(() => this.#socket.terminate(), idleMs);
    this.#ping = setInterval(() => this.#socket.ping(), Math.max(100, idleMs / 3));
  }

  touch(): void {
    this.#idle.refresh();
  }

  stop(): void {
    clearTimeout(this.#idle);
    clearInterval(this.#ping);
  }
}

/** A short name of what went wrong; messages are left out because they can quote headers. */
function errorCode(error: unknown): string {
  const { code, name, message } = error as Error & { code?: string };
  return code ?? /^Unexpected server response: \d{3}$/.exec(message)?.[0] ?? name;
}
