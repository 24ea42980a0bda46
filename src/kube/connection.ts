/**
 * One HTTPS connection pool to one API server. @kubernetes/client-node reads kubeconfigs and keeps credentials fresh;
 * requests go through a dispatcher of our own, because the library opens a TLS connection per request.
 */
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, request, type Dispatcher } from 'undici';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface ConnectionRequest {
  method: Method;
  path: string;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
  /** Time in ms for headers and, between two pieces of it, for the body. */
  timeoutMs: number;
}

/** Connections are probed after so many ms of silence, so that a dead peer is noticed by the operating system. */
const keepAliveProbeMs = 15_000;

export class Connection {
  readonly #config: KubeConfig;
  readonly #server: string;
  #agent: Agent | undefined;

  constructor(config: KubeConfig) {
    const cluster = config.getCurrentCluster();
    if (!cluster) throw new Error('the kubeconfig names no cluster');
    this.#config = config;
    this.#server = cluster.server.replace(/\/$/, '');
  }

  static fromDefault(): Connection {
    const config = new KubeConfig();
    config.loadFromDefault();
    return new Connection(config);
  }

  static fromKubeconfig(path: string): Connection {
    const config = new KubeConfig();
    config.loadFromFile(path);
    return new Connection(config);
  }

  /** Sends one request with fresh credentials; the answer's body has to be read or dumped. */
  async send(options: ConnectionRequest): Promise<Dispatcher.ResponseData> {
    // The library fills in TLS material and the Authorization header, rereading tokens when they are due.
    const tls: RequestOptions = { headers: {} };
    await this.#config.applyToHTTPSOptions(tls);
    this.#agent ??= createAgent(tls);
    const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'mcpcore' };
    const authorization = (tls.headers as Record<string, unknown>)['Authorization'];
    if (typeof authorization === 'string') headers['authorization'] = authorization;
    if (options.body !== undefined) headers['content-type'] = options.contentType ?? 'application/json';
    return request(`${this.#server}${options.path}`, {
      method: options.method,
      headers,
      dispatcher: this.#agent,
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
      ...(options.signal && { signal: options.signal }),
    });
  }

  async close(): Promise<void> {
    await this.#agent?.destroy();
  }
}

function createAgent(tls: RequestOptions): Agent {
  return new Agent({
    connections: 64,
    pipelining: 1,
    keepAliveTimeout: 60_000,
    connect: {
      timeout: 10_000,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveProbeMs,
      ...(tls.ca !== undefined && { ca: tls.ca as string | Buffer }),
      ...(tls.cert !== undefined && { cert: tls.cert as string | Buffer }),
      ...(tls.key !== undefined && { key: tls.key as string | Buffer }),
      ...(tls.rejectUnauthorized !== undefined && { rejectUnauthorized: tls.rejectUnauthorized }),
      ...(tls.servername && { servername: tls.servername }),
    },
  });
}
