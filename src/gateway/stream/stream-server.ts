/** The env stream's server: authenticates upgrades, keeps one channel a server, and counts who runs which revision. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { McpError } from '../../api/errors.ts';
import type { McpEnvironment, McpServer } from '../../api/generated/types.ts';
import { streamProtocol } from '../../api/stream-protocol.ts';
import type { StorageKey } from '../../crypto/envelope.ts';
import { errorFields, type Log } from '../../kube/log.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { authenticate, type PodIdentity, type TokenReviewer } from './authenticate.ts';
import { Channel } from './channel.ts';
import { Connection } from './connection.ts';
import type { ConsumerRegistry } from './consumers.ts';
import { Gate } from './gate.ts';
import { publicError, refuse } from './refuse.ts';

const pingMs = 10_000;
const idleSeconds = 25;
const maxPodMessageBytes = 4096;
/** A pod has one stream, or one a container; more is a mistake or an attack. */
const maxStreamsPerPod = 8;
const maxStreams = 20_000;
/** When all pods come back at once, the API server gets their tokens in portions. */
const reviewsAtOnce = 32;
/** Time for a token to be reviewed. */
const upgradeTimeoutMs = 20_000;
/** Time for pods to answer when they are sent away. */
const goodbyeMs = 2000;
const path = /^\/v1\/namespaces\/([a-z0-9.-]{1,253})\/servers\/([a-z0-9.-]{1,253})\/env$/;

export interface StreamServerDeps {
  review: TokenReviewer;
  findStorageKey: (id: string) => StorageKey | undefined;
  server: (key: string) => McpServer | undefined;
  environment: (key: string) => McpEnvironment | undefined;
  consumers: ConsumerRegistry;
  log: Log;
  metrics?: GatewayMetrics;
  pingMs?: number;
  idleSeconds?: number;
}

interface StreamRequest {
  namespace: string;
  server: string;
  token: string | undefined;
  wantTools: boolean;
}

export class StreamServer {
  readonly #deps: StreamServerDeps;
  readonly #channels = new Map<string, Channel>();
  readonly #connections = new Set<Connection>();
  readonly #perPod = new Map<string, number>();
  readonly #reviews = new Gate(reviewsAtOnce);
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxPodMessageBytes,
    // Compression would tell lengths of secrets beside text that others choose.
    perMessageDeflate: false,
    handleProtocols: () => streamProtocol,
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
    if (server) return channel?.setServer(server);
    // A server made anew under the name starts with a channel of its own.
    this.#channels.delete(key);
    channel?.revoke();
  }

  /** Tells of a changed environment. A deleted one is made again, so its pods keep what they have. */
  environmentChanged(key: string, environment: McpEnvironment | undefined): void {
    if (environment) this.#channels.get(key)?.setEnvironment(environment);
  }

  /** Sends every pod to another replica; those that do not answer in time are cut off. */
  close(): void {
    this.#closing = true;
    for (const connection of this.#connections) connection.sendAway();
    this.#webSockets.close();
    setTimeout(() => {
      for (const connection of this.#connections) connection.terminate();
    }, goodbyeMs).unref();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const timeout = setTimeout(() => socket.destroy(), upgradeTimeoutMs);
    try {
      const wanted = parseRequest(request);
      const identity = await this.#identify(wanted, socket);
      if (socket.destroyed) return;
      this.#checkRoom(identity);
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#connected(webSocket, identity, wanted.wantTools);
      });
    } catch (error) {
      const answer = publicError(error);
      this.#deps.metrics?.refused(answer.code);
      refuse(socket, answer);
    } finally {
      clearTimeout(timeout);
    }
  }

  async #identify(wanted: StreamRequest, socket: Duplex): Promise<PodIdentity> {
    const { namespace, server, token } = wanted;
    const review: TokenReviewer = (text) =>
      this.#reviews.run(async () => (socket.destroyed ? {} : this.#deps.review(text)));
    try {
      const identity = await authenticate(token, namespace, server, review);
      // Only the server's own pods learn whether it exists.
      if (!this.#deps.server(`${namespace}/${server}`))
        throw new McpError('ServerNotFound', { namespace, server });
      return identity;
    } catch (error) {
      const caller = error instanceof McpError ? error.details['caller'] : undefined;
      this.#deps.log.warn(
        { namespace, server, ...(caller !== undefined && { caller }), ...errorFields(error) },
        'stream refused',
      );
      throw error;
    }
  }

  #checkRoom(identity: PodIdentity): void {
    if (this.#closing) throw new McpError('NotReady', { what: 'shutting down' });
    if ((this.#perPod.get(podKey(identity)) ?? 0) >= maxStreamsPerPod) {
      throw new McpError('TooManyStreams', { where: `for pod ${identity.pod}` });
    }
    if (this.#connections.size >= maxStreams) throw new McpError('TooManyStreams', { where: 'here' });
  }

  #connected(socket: WebSocket, identity: PodIdentity, wantTools: boolean): void {
    const { consumers, metrics } = this.#deps;
    const key = `${identity.namespace}/${identity.server}`;
    const consumer = { pod: identity.pod, revision: 0 };
    const leave = consumers.add(key, consumer);
    const channel = this.#channel(key);
    const offered = new Map<number, number>();
    this.#count(identity, 1);
    const connection = new Connection(socket, {
      wantTools,
      expiresAt: identity.expiresAt,
      pingMs: this.#deps.pingMs ?? pingMs,
      idleSeconds: this.#deps.idleSeconds ?? idleSeconds,
      onSent: ({ type, revision }) => {
        metrics?.pushed(type);
        if (revision === undefined) return;
        // Only the newest revision is timed: a pod need not acknowledge those that it skipped.
        offered.clear();
        offered.set(revision, performance.now());
      },
      onAcknowledged: (revision) => {
        const at = offered.get(revision);
        if (at !== undefined) metrics?.acknowledged((performance.now() - at) / 1000);
        offered.delete(revision);
        consumers.acknowledge(key, consumer, revision);
      },
      onClosed: () => {
        channel.delete(connection);
        if (channel.size === 0 && this.#channels.get(key) === channel) this.#channels.delete(key);
        this.#connections.delete(connection);
        this.#count(identity, -1);
        leave();
      },
    });
    this.#connections.add(connection);
    channel.add(connection);
  }

  #count(identity: PodIdentity, change: 1 | -1): void {
    const count = (this.#perPod.get(podKey(identity)) ?? 0) + change;
    if (count === 0) this.#perPod.delete(podKey(identity));
    else this.#perPod.set(podKey(identity), count);
    this.#deps.metrics?.streams(change);
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
}

function podKey({ namespace, pod, podUid }: PodIdentity): string {
  return `${namespace}/${pod}/${podUid}`;
}

/** @throws McpError NotFound or BadRequest */
function parseRequest(request: IncomingMessage): StreamRequest {
  const url = new URL(request.url ?? '/', 'https://gateway');
  const [, namespace, server] = path.exec(url.pathname) ?? [];
  if (!namespace || !server) throw new McpError('NotFound');
  const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (!protocols.includes(streamProtocol)) {
    throw new McpError('BadRequest', { problem: `the subprotocol is not ${streamProtocol}` });
  }
  return {
    namespace,
    server,
    token: /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1],
    wantTools: url.searchParams.get('tools') === '1',
  };
}
