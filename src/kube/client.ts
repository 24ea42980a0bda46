/** A small Kubernetes client: the verbs that mcpcore needs, on one connection pool. */
import { setTimeout as delay } from 'node:timers/promises';
import { fieldManager } from '../api/names.ts';
import type { KubeObject } from '../api/object-meta.ts';
import { Connection, type ConnectionRequest, type Method } from './connection.ts';
import { KubeError, type KubeStatus } from './errors.ts';
import { resourcePath, type ResourceRef } from './resources.ts';
import { readEvents, type WatchEvent } from './watch-stream.ts';

export type { ResourceRef } from './resources.ts';
export type { WatchEvent } from './watch-stream.ts';

const requestTimeoutMs = 30_000;
const pageSize = 500;
const maxAttempts = 4;
/** The API server sends a bookmark about once a minute, so a longer silence is a dead connection. */
const watchSilenceMs = 90_000;

export interface Selector {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface ListResult<T> {
  items: T[];
  resourceVersion: string;
}

interface RawList<T> {
  metadata: { resourceVersion: string; continue?: string };
  items: T[];
}

export interface ApplyOptions {
  subresource?: 'status';
  /** Take fields over from other managers; true by default, as an operator owns what it applies. */
  force?: boolean;
  fieldManager?: string;
}

export class KubeClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Finds the cluster as kubectl does: KUBECONFIG, then the pod's ServiceAccount. */
  static fromDefault(): KubeClient {
    return new KubeClient(Connection.fromDefault());
  }

  static fromKubeconfig(path: string): KubeClient {
    return new KubeClient(Connection.fromKubeconfig(path));
  }

  /** One object; undefined when there is none. */
  async get<T extends KubeObject>(
    resource: ResourceRef,
    name: string,
    namespace?: string,
  ): Promise<T | undefined> {
    try {
      return (await this.raw('GET', resourcePath(resource, namespace, name))) as T;
    } catch (error) {
      if (error instanceof KubeError && error.httpStatus === 404) return undefined;
      throw error;
    }
  }

  /** All objects, read in pages. */
  async list<T extends KubeObject>(resource: ResourceRef, selector: Selector = {}): Promise<ListResult<T>> {
    const items: T[] = [];
    const query = selectorQuery(selector);
    query.set('limit', String(pageSize));
    for (;;) {
      const path = `${resourcePath(resource, selector.namespace)}?${query.toString()}`;
      const page = (await this.raw('GET', path)) as RawList<T>;
      items.push(...page.items);
      if (!page.metadata.continue) return { items, resourceVersion: page.metadata.resourceVersion };
      query.set('continue', page.metadata.continue);
    }
  }

  async create<T extends KubeObject>(
    resource: ResourceRef,
    object: T,
    options: { dryRun?: boolean } = {},
  ): Promise<T> {
    const query = options.dryRun ? '?dryRun=All' : '';
    return (await this.raw(
      'POST',
      `${resourcePath(resource, object.metadata.namespace)}${query}`,
      object,
    )) as T;
  }

  /** Replaces an object; with `resourceVersion` in it, only if nobody wrote in between. */
  async replace<T extends KubeObject>(resource: ResourceRef, object: T): Promise<T> {
    const { namespace, name } = object.metadata;
    return (await this.raw('PUT', resourcePath(resource, namespace, name), object)) as T;
  }

  /** Server-side apply. */
  async apply<T extends KubeObject>(
    resource: ResourceRef,
    object: T,
    options: ApplyOptions = {},
  ): Promise<T> {
    const { namespace, name } = object.metadata;
    const query = new URLSearchParams({
      fieldManager: options.fieldManager ?? fieldManager,
      force: String(options.force ?? true),
    });
    const path = `${resourcePath(resource, namespace, name, options.subresource)}?${query.toString()}`;
    return (await this.raw('PATCH', path, object, 'application/apply-patch+yaml')) as T;
  }

  /** A merge patch (RFC 7396) or JSON patch (RFC 6902). */
  async patch<T extends KubeObject>(
    resource: ResourceRef,
    name: string,
    namespace: string | undefined,
    patch: unknown,
    type: 'merge' | 'json',
    options: { subresource?: 'status' } = {},
  ): Promise<T> {
    const contentType = type === 'merge' ? 'application/merge-patch+json' : 'application/json-patch+json';
    const path = `${resourcePath(resource, namespace, name, options.subresource)}?fieldManager=${fieldManager}`;
    return (await this.raw('PATCH', path, patch, contentType)) as T;
  }

  /** Deletes an object; one that is already gone is a success. */
  async delete(resource: ResourceRef, name: string, namespace?: string): Promise<void> {
    try {
      await this.raw('DELETE', resourcePath(resource, namespace, name));
    } catch (error) {
      if (!(error instanceof KubeError) || error.httpStatus !== 404) throw error;
    }
  }

  /** Events from `resourceVersion` on, until the server ends the watch, the signal aborts or the line goes dead. */
  async *watch<T extends KubeObject>(
    resource: ResourceRef,
    options: Selector & { resourceVersion: string; signal: AbortSignal; silenceMs?: number },
  ): AsyncGenerator<WatchEvent<T>> {
    const query = selectorQuery(options);
    query.set('watch', 'true');
    query.set('allowWatchBookmarks', 'true');
    query.set('resourceVersion', options.resourceVersion);
    query.set('timeoutSeconds', String(240 + Math.floor(Math.random() * 240)));
    const path = `${resourcePath(resource, options.namespace)}?${query.toString()}`;
    const response = await this.#send({
      method: 'GET',
      path,
      signal: options.signal,
      timeoutMs: options.silenceMs ?? watchSilenceMs,
    });
    yield* readEvents<T>(response.body, path);
  }

  /** Any request; the parsed answer. Throws KubeError for an answer of 400 and above. */
  async raw(method: Method, path: string, body?: unknown, contentType?: string): Promise<unknown> {
    const response = await this.#send({
      method,
      path,
      timeoutMs: requestTimeoutMs,
      ...(body !== undefined && { body }),
      ...(contentType && { contentType }),
    });
    return response.body.json();
  }

  /** Sends, and again after 429 or, once, after 401: a token that was just rotated may be refused for a moment. */
  async #send(options: ConnectionRequest): Promise<Awaited<ReturnType<Connection['send']>>> {
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#connection.send(options);
      if (response.statusCode < 400) return response;
      const status = await readStatus(response.body);
      const again = response.statusCode === 429 || (response.statusCode === 401 && attempt === 1);
      if (!again || attempt >= maxAttempts) {
        throw new KubeError(options.method, options.path, response.statusCode, status);
      }
      await delay(retryAfterMs(response.headers['retry-after'], status), undefined, {
        ...(options.signal && { signal: options.signal }),
      });
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

function selectorQuery(selector: Selector): URLSearchParams {
  const query = new URLSearchParams();
  if (selector.labelSelector) query.set('labelSelector', selector.labelSelector);
  if (selector.fieldSelector) query.set('fieldSelector', selector.fieldSelector);
  return query;
}

async function readStatus(body: { text(): Promise<string> }): Promise<KubeStatus | undefined> {
  try {
    return JSON.parse(await body.text()) as KubeStatus;
  } catch {
    // Proxies in front of an API server answer with plain text.
    return undefined;
  }
}

/** How long to wait before another try: what the server asks for, at most 10 s, spread out. */
function retryAfterMs(header: string | string[] | undefined, status: KubeStatus | undefined): number {
  const seconds = Number(header ?? status?.details?.retryAfterSeconds ?? 1);
  return Math.min(seconds, 10) * 1000 * (0.5 + Math.random());
}
