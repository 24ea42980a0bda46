/** A server of the env stream's protocol over TLS, which a test holds in its hand. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocketServer, type WebSocket } from 'ws';
import { parsePodMessage, streamProtocol, type Tool } from '../../src/api/stream-protocol.ts';
import { ensureCertificates } from '../../src/operator/certificates.ts';
import { waitFor } from './wait.ts';

export interface GatewayState {
  revision: number;
  values: Record<string, string>;
  unredacted?: string[];
}

export class TestGateway {
  readonly identityDir: string;
  readonly acks: number[] = [];
  /** Request line and bearer token of each connection. */
  readonly upgrades: { url: string; authorization: string | undefined }[] = [];
  idleSeconds = 30;
  /** What connections get at once; no state is sent while undefined. */
  state: GatewayState | undefined;
  tools: { generation: number; tools: Tool[] } | undefined;
  readonly #https: Server;
  readonly #sockets = new Set<WebSocket>();
  #port = 0;

  private constructor(identityDir: string, https: Server) {
    this.identityDir = identityDir;
    this.#https = https;
    const webSockets = new WebSocketServer({ server: https, handleProtocols: () => streamProtocol });
    webSockets.on('connection', (socket, request) => {
      this.#sockets.add(socket);
      this.upgrades.push({ url: request.url ?? '', authorization: request.headers.authorization });
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('message', (data) => {
        const message = parsePodMessage((data as Buffer).toString());
        if (message) this.acks.push(message.revision);
      });
      socket.send(JSON.stringify({ type: 'hello', idleSeconds: this.idleSeconds }));
      if (this.state) this.#sendState(socket, this.state);
      if (this.tools) socket.send(JSON.stringify({ type: 'tools', ...this.tools }));
    });
  }

  static async start(): Promise<TestGateway> {
    const identityDir = await mkdtemp(join(tmpdir(), 'mcpcore-identity-'));
    const { certificates } = await ensureCertificates(undefined, ['localhost'], new Date());
    await writeFile(join(identityDir, 'ca.crt'), certificates.authority);
    await writeFile(join(identityDir, 'token'), 'token-1\n');
    const https = createServer({ cert: certificates.certificate, key: certificates.key });
    const gateway = new TestGateway(identityDir, https);
    await gateway.listen();
    return gateway;
  }

  get url(): string {
    return `wss://localhost:${this.#port}`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens, at the same port as before if there was one. */
  async listen(): Promise<void> {
    this.#https.listen(this.#port, 'localhost');
    await once(this.#https, 'listening');
    this.#port = (this.#https.address() as AddressInfo).port;
  }

  /** Sends a state to all and waits until one has acknowledged it. */
  async setEnv(state: GatewayState): Promise<void> {
    this.state = state;
    for (const socket of this.#sockets) this.#sendState(socket, state);
    await waitFor(`ack of revision ${state.revision}`, () => this.acks.includes(state.revision));
  }

  setTools(generation: number, tools: Tool[]): void {
    this.tools = { generation, tools };
    for (const socket of this.#sockets) socket.send(JSON.stringify({ type: 'tools', generation, tools }));
  }

  /** Closes every connection with a code. */
  disconnect(code: number): void {
    for (const socket of this.#sockets) socket.close(code);
  }

  /** Reads and writes nothing more on the open connections, without closing them. */
  stall(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  /** Goes away: refuses connections and drops the open ones. */
  async leave(): Promise<void> {
    const closed = once(this.#https, 'close');
    this.#https.close();
    this.#https.closeAllConnections();
    for (const socket of this.#sockets) socket.terminate();
    await closed;
  }

  async close(): Promise<void> {
    if (this.#https.listening) await this.leave();
    await rm(this.identityDir, { recursive: true });
  }

  #sendState(socket: WebSocket, { revision, values, unredacted = [] }: GatewayState): void {
    socket.send(JSON.stringify({ type: 'env', revision, values, unredacted }));
  }
}
