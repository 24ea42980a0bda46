/** A small Kubernetes client: the verbs that mcpcore needs, on one connection pool. */
import { fieldManager } from '../api/names.ts';
import type { KubeObject } from '../api/object-meta.ts';
import { Connection, type Method } from './connection.ts';
import { isKubeReason, KubeError } from './errors.ts';
import { resourcePath, type ResourceRef } from './resources.ts';
import { Transport } from './transport.ts';
import { readEvents, type WatchEvent } from './watch-stream.ts';

export type { ResourceRef } from './resources.ts';
export type { WatchEvent } from './watch-stream.ts';

const requestTimeoutMs = 30_000;
const pageSize = 500;
/**
 * A watch that was silent for so long is opened again. The API server sends a bookmark about once a minute on resources
 * that ever changed; on the others this costs one request per period, and no event is lost.
 */
const watchSilenceMs = 75_000;
/** How much longer than asked a watch may last before the client ends it. */
const watchOvertimeMs = 30_000;

export interface Selector {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface ListOptions extends Selector {
  /** The state at exactly this version, instead of the newest; fails with `Expired` when it is too old. */
  exactVersion?: string;
  signal?: AbortSignal;
}

export interface WatchOptions extends Selector {
  resourceVersion: string;
  signal: AbortSignal;
  /** Longest silence in ms before the connection counts as dead. */
  silenceMs?: number;
  /** Longest duration of the watch; the server ends it then, and 240 to 480 s after its start in any case. */
  maxSeconds?: number;
  /** Called when the server has accepted the watch. */
  onOpen?: () => void;
}

export interface DeleteOptions {
  /** Delete only this very object, in this very version. */
  preconditions?: { uid?: string; resourceVersion?: string };
  /** What happens to what the object owns; the kind's default without it. */
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
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
  readonly #transport: Transport;

  constructor(connection: Connection) {
    this.#transport = new Transport(connection);
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

  /** All objects, read in pages; in one piece when the list outlives the server's snapshot of it. */
  async list<T extends KubeObject>(resource: ResourceRef, options: ListOptions = {}): Promise<ListResult<T>> {
    try {
      return await this.#listPages<T>(resource, options, pageSize);
    } catch (error) {
      if (options.exactVersion !== undefined || !isKubeReason(error, 'Expired')) throw error;
      return this.#listPages<T>(resource, options, 0);
    }
  }

  async #listPages<T>(resource: ResourceRef, options: ListOptions, limit: number): Promise<ListResult<T>> {
    const items: T[] = [];
    const query = selectorQuery(options);
    if (limit > 0) query.set('limit', String(limit));
    if (options.exactVersion !== undefined) {
      query.set('resourceVersion', options.exactVersion);
      query.set('resourceVersionMatch', 'Exact');
    }
    for (;;) {
      const page = (await this.#transport.json({
        method: 'GET',
        path: `${resourcePath(resource, options.namespace)}?${query.toString()}`,
        timeoutMs: requestTimeoutMs,
        ...(options.signal && { signal: options.signal }),
      })) as RawList<T>;
      items.push(...page.items);
      if (!page.metadata.continue) return { items, resourceVersion: page.metadata.resourceVersion };
      query.set('continue', page.metadata.continue);
      // The token holds the version.
      query.delete('resourceVersion');
      query.delete('resourceVersionMatch');
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

  /** Deletes an object; one that is already gone is a success. A precondition that fails is a `Conflict`. */
  async delete(
    resource: ResourceRef,
    name: string,
    namespace?: string,
    options?: DeleteOptions,
  ): Promise<void> {
    try {
      await this.raw('DELETE', resourcePath(resource, namespace, name), options);
    } catch (error) {
      if (!(error instanceof KubeError) || error.httpStatus !== 404) throw error;
    }
  }

  /** Events from `resourceVersion` on, until the server ends the watch, the signal aborts or the line goes dead. */
  async *watch<T extends KubeObject>(
    resource: ResourceRef,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    const seconds = Math.min(240 + Math.floor(Math.random() * 240), options.maxSeconds ?? Infinity);
    const query = selectorQuery(options);
    query.set('watch', 'true');
    query.set('allowWatchBookmarks', 'true');
    query.set('resourceVersion', options.resourceVersion);
    query.set('timeoutSeconds', String(seconds));
    const request = {
      method: 'GET' as const,
      path: `${resourcePath(resource, options.namespace)}?${query.toString()}`,
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(seconds * 1000 + watchOvertimeMs)]),
      timeoutMs: options.silenceMs ?? watchSilenceMs,
    };
    const { body } = await this.#transport.send(request);
    options.onOpen?.();
    yield* readEvents<T>(body, request);
  }

  /** Any request; the parsed answer. Throws KubeError for an answer of 400 and above, and for none. */
  async raw(method: Method, path: string, body?: unknown, contentType?: string): Promise<unknown> {
    return this.#transport.json({
      method,
      path,
      timeoutMs: requestTimeoutMs,
      ...(body !== undefined && { body }),
      ...(contentType && { contentType }),
    });
  }

  /** Ends every connection; requests that still run fail. */
  async close(): Promise<void> {
    await this.#transport.close();
  }
}

function selectorQuery(selector: Selector): URLSearchParams {
  const query = new URLSearchParams();
  if (selector.labelSelector) query.set('labelSelector', selector.labelSelector);
  if (selector.fieldSelector) query.set('fieldSelector', selector.fieldSelector);
  return query;
}
