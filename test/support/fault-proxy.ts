/**
 * Stands between a client and the API server, on the loopback, and breaks what it is told to break: it answers for the
 * server, changes or drops lines of watches, cuts connections, or lets them hang without a word.
 */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestOptions, type ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { createServer as createTcpServer, connect, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse, stringify } from 'yaml';
import type { ControlPlane } from '../cluster/control-plane.ts';

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** `hang`: never answer. `cut`: end the connection. undefined: pass on. */
export type Fault = Answer | 'hang' | 'cut' | undefined;

export interface SeenRequest {
  method: string;
  path: string;
  isWatch: boolean;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
}

export interface FaultProxy {
  /** A kubeconfig with the rights of cluster-admin that leads through the proxy. */
  readonly kubeconfig: string;
  /** What clients asked, in order. */
  readonly seen: SeenRequest[];
  /** Watches that are open now. */
  readonly watches: number;
  /** Decides about each request that comes from now on. */
  fault: (request: SeenRequest) => Fault | Promise<Fault>;
  /** Changes each line of a watch; undefined drops it. */
  line: (line: string) => string | undefined;
  /** Writes a line into every watch that is open. */
  inject(line: string): void;
  /** Ends every connection that is open, without a goodbye. */
  cut(): void;
  /** Passes nothing more on the watches that are open; new ones work. */
  stall(): void;
  close(): Promise<void>;
}

interface Watch {
  response: ServerResponse;
  stalled: boolean;
}

interface Upstream {
  url: string;
  tls: { ca: Buffer; cert: Buffer; key: Buffer };
}

/** Starts a proxy that speaks plain HTTP to clients and TLS, as cluster-admin, to the API server. */
export async function startFaultProxy(plane: ControlPlane): Promise<FaultProxy> {
  const upstream = readUpstream(plane);
  const agent = new Agent({ ...upstream.tls, keepAlive: true });
  const sockets = new Set<Socket>();
  const watches = new Set<Watch>();
  const server = createServer((request, response) => {
    void handle(request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  });

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const seen = describe(request);
    proxy.seen.push(seen);
    const fault = await proxy.fault(seen);
    if (fault === 'hang') return;
    if (fault === 'cut') request.socket.destroy();
    else if (fault) response.writeHead(fault.status, fault.headers).end(fault.body);
    else pass(request, response, seen.isWatch);
  };

  const pass = (request: IncomingMessage, response: ServerResponse, isWatch: boolean): void => {
    const options: RequestOptions = { method: request.method ?? 'GET', headers: request.headers, agent };
    const outgoing = httpsRequest(`${upstream.url}${request.url ?? '/'}`, options, (incoming) => {
      response.writeHead(incoming.statusCode ?? 500, incoming.headers);
      incoming.on('error', () => request.socket.destroy());
      if (isWatch) passLines(incoming, response);
      else incoming.pipe(response);
    });
    outgoing.on('error', () => request.socket.destroy());
    response.once('close', () => outgoing.destroy());
    request.pipe(outgoing);
  };

  const passLines = (incoming: IncomingMessage, response: ServerResponse): void => {
    const watch: Watch = { response, stalled: false };
    watches.add(watch);
    response.once('close', () => watches.delete(watch));
    response.flushHeaders();
    const lines = createInterface({ input: incoming });
    // readline passes errors of its input on.
    lines.on('error', () => undefined);
    lines.on('line', (line) => {
      const changed = watch.stalled ? undefined : proxy.line(line);
      if (changed !== undefined) response.write(`${changed}\n`);
    });
    lines.on('close', () => {
      if (!watch.stalled) response.end();
    });
  };

  const proxy: FaultProxy = {
    kubeconfig: join(plane.dir, `kubeconfig-proxy-${Math.random().toString(36).slice(2)}`),
    seen: [],
    get watches() {
      return watches.size;
    },
    fault: () => undefined,
    line: (line) => line,
    inject: (line) => {
      for (const { response } of watches) response.write(`${line}\n`);
    },
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    stall: () => {
      for (const watch of watches) watch.stalled = true;
    },
    close: async () => {
      proxy.cut();
      server.close();
      await once(server, 'close');
      agent.destroy();
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  writeFileSync(proxy.kubeconfig, plainKubeconfig(`http://127.0.0.1:${port}`), { mode: 0o600 });
  return proxy;
}

export interface TcpProxy {
  /** The kubeconfig of cluster-admin, leading through the proxy: TLS ends at the API server. */
  readonly kubeconfig: string;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Drops every byte of the connections that are open from now on, both ways; new ones work. */
  freeze(): void;
  close(): Promise<void>;
}

/** Starts a proxy that passes bytes and counts connections. */
export async function startTcpProxy(plane: ControlPlane): Promise<TcpProxy> {
  const { port: target } = new URL(plane.url);
  const pairs = new Set<[Socket, Socket]>();
  let connections = 0;
  const server = createTcpServer((near) => {
    connections += 1;
    const far = connect(Number(target), '127.0.0.1');
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.once('close', () => {
        pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const kubeconfig = join(plane.dir, `kubeconfig-tcp-${Math.random().toString(36).slice(2)}`);
  const { port } = server.address() as AddressInfo;
  writeFileSync(
    kubeconfig,
    readFileSync(plane.kubeconfig, 'utf8').replace(plane.url, `https://127.0.0.1:${port}`),
    { mode: 0o600 },
  );
  return {
    kubeconfig,
    get connections() {
      return connections;
    },
    freeze: () => {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        near.resume();
        far.resume();
      }
    },
    close: async () => {
      for (const [near, far] of pairs) {
        near.destroy();
        far.destroy();
      }
      server.close();
      await once(server, 'close');
    },
  };
}

function describe(request: IncomingMessage): SeenRequest {
  const url = new URL(request.url ?? '/', 'http://proxy');
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    isWatch: url.searchParams.get('watch') === 'true',
    query: url.searchParams,
    headers: request.headers,
  };
}

function readUpstream(plane: ControlPlane): Upstream {
  const config = parse(readFileSync(plane.kubeconfig, 'utf8')) as {
    clusters: { cluster: Record<string, string> }[];
    users: { user: Record<string, string> }[];
  };
  const decode = (text: string | undefined) => Buffer.from(text ?? '', 'base64');
  const cluster = config.clusters[0]?.cluster;
  const user = config.users[0]?.user;
  return {
    url: plane.url,
    tls: {
      ca: decode(cluster?.['certificate-authority-data']),
      cert: decode(user?.['client-certificate-data']),
      key: decode(user?.['client-key-data']),
    },
  };
}

/** A kubeconfig without credentials. `extra` is put into the user. */
export function plainKubeconfig(server: string, extra: object = {}): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: extra }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
  });
}
