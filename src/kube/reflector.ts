/**
 * Keeps a local copy of a resource: list, watch, and list again when the watch can't go on. It survives whatever the
 * API server or the network does until its signal aborts, and lists once in a while to find events that were missed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../api/object-meta.ts';
import { Backoff } from './backoff.ts';
import type { KubeClient, ResourceRef } from './client.ts';
import { KubeError } from './errors.ts';
import { errorFields, type Log } from './log.ts';

const defaultRelistMs = 10 * 60_000;

export interface ReflectorOptions<T extends KubeObject> {
  client: KubeClient;
  resource: ResourceRef;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Called after the copy has changed; it only enqueues keys, work is done elsewhere. */
  onChange: (key: string, now: T | undefined, before: T | undefined) => void;
  log: Log;
  /** Called with the number of changes that a list found and the watch had not told. */
  onMissed?: (count: number) => void;
  relistMs?: number;
  silenceMs?: number;
}

/** `namespace/name`, or `name` for objects of no namespace. */
export function objectKey(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : name;
}

export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #objects = new Map<string, T>();
  readonly #synced = Promise.withResolvers<void>();
  readonly #backoff = new Backoff({ minMs: 200, maxMs: 30_000 });
  #hasSynced = false;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
  }

  /** Starts; it goes on until the signal aborts. Call it once. */
  start(signal: AbortSignal): void {
    void this.#run(signal);
  }

  /** Resolves after the first list. */
  synced(): Promise<void> {
    return this.#synced.promise;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): Iterable<T> {
    return this.#objects.values();
  }

  async #run(signal: AbortSignal): Promise<void> {
    let resourceVersion: string | undefined;
    let listedAt = 0;
    while (!signal.aborted) {
      try {
        if (
          resourceVersion === undefined ||
          Date.now() - listedAt > (this.#options.relistMs ?? defaultRelistMs)
        ) {
          resourceVersion = await this.#list(resourceVersion !== undefined);
          listedAt = Date.now();
        }
        resourceVersion = await this.#watch(resourceVersion, signal);
      } catch (error) {
        if (signal.aborted) return;
        resourceVersion = await this.#afterFailure(error, resourceVersion, signal);
      }
    }
  }

  /** Waits, and decides whether the watch can go on from where it was. */
  async #afterFailure(
    error: unknown,
    resourceVersion: string | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const expired = error instanceof KubeError && (error.httpStatus === 410 || error.reason === 'Expired');
    const { plural } = this.#options.resource;
    this.#options.log.debug(
      { resource: plural, ...errorFields(error) },
      expired ? 'listing again' : 'watch failed',
    );
    if (!expired) await delay(this.#backoff.next(), undefined, { signal }).catch(() => undefined);
    // After any other failure the version stays good; should it not, the server answers 410.
    return expired ? undefined : resourceVersion;
  }

  async #list(isRelist: boolean): Promise<string> {
    const { client, resource } = this.#options;
    const { items, resourceVersion } = await client.list<T>(resource, this.#options);
    const seen = new Set<string>();
    let missed = 0;
    for (const item of items) {
      seen.add(objectKey(item));
      missed += Number(this.#store(item));
    }
    for (const key of [...this.#objects.keys()]) {
      if (!seen.has(key)) missed += Number(this.#remove(key));
    }
    if (isRelist && missed > 0) this.#options.onMissed?.(missed);
    this.#hasSynced = true;
    this.#synced.resolve();
    return resourceVersion;
  }

  async #watch(from: string, signal: AbortSignal): Promise<string> {
    const { client, resource, silenceMs } = this.#options;
    let resourceVersion = from;
    const watch = client.watch<T>(resource, {
      ...this.#options,
      resourceVersion,
      signal,
      ...(silenceMs !== undefined && { silenceMs }),
    });
    for await (const event of watch) {
      this.#backoff.reset();
      resourceVersion = event.object.metadata.resourceVersion ?? resourceVersion;
      if (event.type === 'DELETED') this.#remove(objectKey(event.object));
      else if (event.type !== 'BOOKMARK') this.#store(event.object);
    }
    return resourceVersion;
  }

  /** Takes an object in; false when it is the one already held. */
  #store(object: T): boolean {
    const key = objectKey(object);
    const before = this.#objects.get(key);
    if (before && before.metadata.resourceVersion === object.metadata.resourceVersion) return false;
    // Managed fields are the larger half of small objects, and nothing here reads them.
    delete (object.metadata as { managedFields?: unknown }).managedFields;
    this.#objects.set(key, object);
    this.#notify(key, object, before);
    return true;
  }

  #remove(key: string): boolean {
    const before = this.#objects.get(key);
    if (!before) return false;
    this.#objects.delete(key);
    this.#notify(key, undefined, before);
    return true;
  }

  #notify(key: string, now: T | undefined, before: T | undefined): void {
    try {
      this.#options.onChange(key, now, before);
    } catch (error) {
      this.#options.log.error({ key, ...errorFields(error) }, 'a change handler failed');
    }
  }
}
