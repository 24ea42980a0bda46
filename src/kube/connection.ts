/**
 * One HTTPS connection pool to one API server. @kubernetes/client-node reads kubeconfigs and obtains credentials;
 * requests go through a dispatcher of our own, because the library opens a TLS connection per request.
 */
import type { RequestOptions } from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, ProxyAgent, request, type Dispatcher } from 'undici';
import { McpError } from '../api/errors.ts';

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

/** Thrown when the kubeconfig's credentials could not be read or its plugin failed. */
export class CredentialsError extends Error {}

/**
 * Connections are probed after so many ms of silence. Linux then sends ten probes, one a second, so a peer whose
 * packets are dropped is noticed after about 25 s; a proxy in between may answer the probes for a dead peer, which is
 * why requests and watches have time limits of their own.
 */
const keepAliveProbeMs = 15_000;
const connectTimeoutMs = 10_000;

interface Tls {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  rejectUnauthorized?: boolean;
  servername?: string;
}

interface Credentials {
  tls: Tls;
  headers: Record<string, string>;
}

export class Connection {
  readonly #load: () => KubeConfig;
  #config: KubeConfig;
  #pool: { tls: Tls; agent: Dispatcher } | undefined;
  readonly #agents = new Set<Dispatcher>();

  /** `load` reads the configuration, now and again when the API server refuses the credentials. */
  constructor(load: () => KubeConfig) {
    this.#load = load;
    this.#config = load();
    clusterOf(this.#config);
  }

  static fromDefault(): Connection {
    return new Connection(() => {
      const config = new KubeConfig();
      config.loadFromDefault();
      return config;
    });
  }

  static fromKubeconfig(path: string): Connection {
    return new Connection(() => {
      const config = new KubeConfig();
      config.loadFromFile(path);
      return config;
    });
  }

  /** Reads configuration and credentials anew; a token that was read before is not used again. */
  reload(): void {
    this.#config = this.#load();
  }

  /** Sends one request; the answer's body has to be read or dumped. Throws CredentialsError and undici's errors. */
  async send(options: ConnectionRequest): Promise<Dispatcher.ResponseData> {
    const { tls, headers } = await this.#credentials();
    headers['accept'] = 'application/json';
    headers['user-agent'] = 'mcpcore';
    if (options.body !== undefined) headers['content-type'] = options.contentType ?? 'application/json';
    const { server } = clusterOf(this.#config);
    return request(`${server.replace(/\/$/, '')}${options.path}`, {
      method: options.method,
      headers,
      dispatcher: this.#dispatcher(tls),
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
      ...(options.signal && { signal: options.signal }),
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents].map((agent) => agent.destroy()));
  }

  /** The library fills in TLS material and headers (token, impersonation) and reads files again when they are due. */
  async #credentials(): Promise<Credentials> {
    const options: RequestOptions = { headers: {} };
    try {
      await this.#config.applyToHTTPSOptions(options);
    } catch (error) {
      // A parser's message would quote what a plugin printed, which is a token.
      const problem =
        error instanceof Error && !(error instanceof SyntaxError) ? error.message : 'unreadable';
      throw new CredentialsError(problem.trim().slice(0, 500));
    }
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      headers[name.toLowerCase()] = String(value).trim();
    }
    if (options.auth) headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    return { tls: tlsOf(options), headers };
  }

  /** The pool for this TLS material. When certificates were replaced, requests that run finish on the former pool. */
  #dispatcher(tls: Tls): Dispatcher {
    if (this.#pool && isDeepStrictEqual(this.#pool.tls, tls)) return this.#pool.agent;
    const former = this.#pool?.agent;
    const agent = createAgent(tls, clusterOf(this.#config).proxyUrl);
    this.#pool = { tls, agent };
    this.#agents.add(agent);
    if (former) void former.close().finally(() => this.#agents.delete(former));
    return agent;
  }
}

function clusterOf(config: KubeConfig): { server: string; proxyUrl?: string } {
  const cluster = config.getCurrentCluster();
  if (cluster) return cluster;
  throw new McpError('InvalidConfiguration', {
    field: 'kubeconfig',
    problem: 'the current context names no cluster',
  });
}

function tlsOf({ ca, cert, key, rejectUnauthorized, servername }: RequestOptions): Tls {
  return {
    ...(ca !== undefined && { ca: ca as string | Buffer }),
    ...(cert !== undefined && { cert: cert as string | Buffer }),
    ...(key !== undefined && { key: key as string | Buffer }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
    ...(servername && { servername }),
  };
}

function createAgent(tls: Tls, proxyUrl: string | undefined): Dispatcher {
  const connect = {
    ...tls,
    timeout: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveProbeMs,
  };
  // HTTP/1.1 on purpose: each watch has a connection to itself, so one that hangs holds up nothing else.
  const options = { connections: 64, pipelining: 1, keepAliveTimeout: 60_000, allowH2: false, connect };
  if (!proxyUrl) return new Agent(options);
  if (/^https?:/.test(proxyUrl)) return new ProxyAgent({ ...options, uri: proxyUrl, requestTls: connect });
  throw new McpError('InvalidConfiguration', {
    field: 'proxy-url of the kubeconfig',
    problem: 'only http and https proxies are supported',
  });
}
