/** The env stream's server: authenticates upgrades, keeps one channel a server, and counts who runs which revision. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { McpError } from '../../api/errors.ts';
import type { McpEnvironment, McpServer } from '../../api/generated/types.ts';
import {
  closeReconnect,
  closeRevoked,
  parsePodMessage,
  streamProtocol,
  type HelloMessage,
} from '../../api/stream-protocol.ts';
import type { StorageKey } from '../../crypto/envelope.ts';
import { errorFields, type Log } from '../../kube/log.ts';
import { authenticate, type PodIdentity, type TokenReviewer } from './authenticate.ts';
import { Channel, type Subscriber } from './channel.ts';
import type { ConsumerRegistry } from './consumers.ts';

const pingMs = 10_000;
const idleSeconds = 25;
/** A pod that does not read is dropped when so much waits for it; it comes back for the newest state. */
const maxBufferedBytes = 16 * 1024 * 1024;
const maxPodMessageBytes = 4096;
const longestLifeMs = 30 * 60_000;
const path = /^\/v1\/namespaces\/([a-z0-9.-]{1,253})\/servers\/([a-z0-9.-]{1,253})\/env$/;

export interface StreamServerDeps {
  review: TokenReviewer;
  findStorageKey: (id: string) => StorageKey | undefined;
  server: (key: string) => McpServer | undefined;
  environment: (key: string) => McpEnvironment | undefined;
  consumers: ConsumerRegistry;
  log: Log;
  pingMs?: number;
  idleSeconds?: number;
}

export class StreamServer {
  readonly #deps: StreamServerDeps;
  readonly #channels = new Map<string, Channel>();
  readonly #sockets = new Set<WebSocket>();
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxPodMessageBytes,
    perMessageDeflate: false,
    handleProtocols: (protocols) => (protocols.has(streamProtocol) ? streamProtocol : false),
  });
  #closing = false;

  constructor(deps: StreamServerDeps) {
    this.#deps = deps;
  }

  /** Serves the upgrades of an HTTPS server. */
  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.on('error', () => socket.destroy());
      void this.#upgrade(request, socket, head);
    });
  }

  /** Tells of a changed server; undefined when it was deleted. */
  serverChanged(key: string, server: McpServer | undefined): void {
    const channel = this.#channels.get(key);
    if (server) channel?.setServer(server);
    else channel?.revoke();
  }

  /** Tells of a changed environment. A deleted one is made again, so its pods keep what they have. */
  environmentChanged(key: string, environment: McpEnvironment | undefined): void {
    if (environment) this.#channels.get(key)?.setEnvironment(environment);
  }

  /** Sends every pod to another replica. */
  close(): void {
    this.#closing = true;
    for (const socket of this.#sockets) socket.close(closeReconnect);
    this.#webSockets.close();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    try {
      if (this.#closing) throw new McpError('NotReady', { what: 'shutting down' });
      const url = new URL(request.url ?? '/', 'https://gateway');
      const [, namespace, server] = path.exec(url.pathname) ?? [];
      if (!namespace || !server) throw new McpError('NotFound');
      const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
      const identity = await this.#identify(token, namespace, server);
      if (socket.destroyed) return;
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#connected(webSocket, identity, url.searchParams.get('tools') === '1');
      });
    } catch (error) {
      refuse(socket, error);
    }
  }

  async #identify(token: string | undefined, namespace: string, server: string): Promise<PodIdentity> {
    try {
      const identity = await authenticate(token, namespace, server, this.#deps.review);
      // Only the server's own pods learn whether it exists.
      if (!this.#deps.server(`${namespace}/${server}`))
        throw new McpError('ServerNotFound', { namespace, server });
      return identity;
    } catch (error) {
      this.#deps.log.warn({ namespace, server, ...errorFields(error) }, 'stream refused');
      throw error;
    }
  }

  #connected(socket: WebSocket, identity: PodIdentity, wantTools: boolean): void {
    const key = `${identity.namespace}/${identity.server}`;
    const consumer = { pod: identity.pod, revision: 0 };
    const leave = this.#deps.consumers.add(key, consumer);
    const channel = this.#channel(key);
    const subscriber: Subscriber = {
      wantTools,
      send: (message) => send(socket, message),
      revoke: () => socket.close(closeRevoked),
    };
    this.#sockets.add(socket);
    const stopTimers = this.#watchOver(socket, identity);
    socket.on('error', () => socket.terminate());
    socket.on('message', (data: Buffer, isBinary) => {
      const message = isBinary ? undefined : parsePodMessage(data.toString());
      if (message) this.#deps.consumers.acknowledge(key, consumer, message.revision);
      else socket.close(1008, 'not a message of this protocol');
    });
    socket.once('close', () => {
      stopTimers();
      channel.delete(subscriber);
      if (channel.size === 0) this.#channels.delete(key);
      this.#sockets.delete(socket);
      leave();
    });
    const hello: HelloMessage = { type: 'hello', idleSeconds: this.#deps.idleSeconds ?? idleSeconds };
    send(socket, Buffer.from(JSON.stringify(hello)));
    channel.add(subscriber);
  }

  #channel(key: string): Channel {
    const existing = this.#channels.get(key);
    if (existing) return existing;
    const channel = new Channel(this.#deps.findStorageKey, this.#deps.log);
    this.#channels.set(key, channel);
    const server = this.#deps.server(key);
    if (server) channel.setServer(server);
    const environment = this.#deps.environment(key);
    if (environment) channel.setEnvironment(environment);
    return channel;
  }

  /** Pings, drops a socket that stays silent, and ends it when its token or its turn is over. */
  #watchOver(socket: WebSocket, identity: PodIdentity): () => void {
    let alive = true;
    const hearIt = (): void => {
      alive = true;
    };
    socket.on('pong', hearIt).on('ping', hearIt).on('message', hearIt);
    const ping = setInterval(() => {
      if (!alive) return socket.terminate();
      alive = false;
      if (socket.readyState === socket.OPEN) socket.ping();
    }, this.#deps.pingMs ?? pingMs);
    const left = Math.max(0, (identity.expiresAt ?? Number.POSITIVE_INFINITY) - Date.now());
    // Spread out, so that streams opened together do not all come back together.
    const life = Math.min(left, longestLifeMs * (0.75 + 0.25 * Math.random()));
    const end = setTimeout(() => socket.close(closeReconnect), life);
    return () => {
      clearInterval(ping);
      clearTimeout(end);
    };
  }
}

function send(socket: WebSocket, message: Buffer): void {
  if (socket.readyState !== socket.OPEN) return;
  if (socket.bufferedAmount > maxBufferedBytes) socket.terminate();
  else socket.send(message, { binary: false });
}

/** Answers an upgrade with an error of the catalogue, in plain HTTP. */
function refuse(socket: Duplex, error: unknown): void {
  const known =
    error instanceof McpError
      ? error
      : new McpError('NotReady', { what: 'the request could not be checked' });
  const body = JSON.stringify({ code: known.code, message: known.message });
  socket.end(
    `HTTP/1.1 ${known.status} ${known.code}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
