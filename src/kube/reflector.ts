/**
 * Keeps a local copy of a resource: list, watch, and list again when the watch can't go on. It survives whatever the
 * API server or the network does until its signal aborts, and lists once in a while to find events that were missed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../api/object-meta.ts';
import { Backoff } from './backoff.ts';
import type { KubeClient, ListResult, ResourceRef } from './client.ts';
import { isKubeReason, KubeError } from './errors.ts';
import { errorFields, type Log } from './log.ts';

const defaultRelistMs = 10 * 60_000;
/** A watch that was open for so long, or gave an event, was healthy: the next failure is a first one. */
const healthyMs = 10_000;
/** After so many failures in a row the version is given up too: what comes next from there may be what breaks. */
const failuresUntilList = 5;

export interface ReflectorOptions<T extends KubeObject> {
  client: KubeClient;
  resource: ResourceRef;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** What of an object is kept; by default all but `metadata.managedFields`, which nothing reads. */
  transform?: (object: T) => T;
  /** Called after the copy has changed; it only enqueues keys, work is done elsewhere. */
  onChange: (key: string, now: T | undefined, before: T | undefined) => void;
  log: Log;
  /** Called with the number of changes that a list found and the watch had not told. */
  onMissed?: (count: number) => void;
  /** Time in ms between two lists; ten minutes by default. */
  relistMs?: number;
  /** Longest silence of a watch in ms. */
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
  readonly #backoff = new Backoff({ minMs: 800, maxMs: 30_000 });
  #session: AbortController | undefined;
  /** How far the copy has come: the version of the last list, event or bookmark; undefined: list. */
  #version: string | undefined;
  #failures = 0;
  #hasSynced = false;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    // Whoever waits is told; when nobody does, that is no error.
    this.#synced.promise.catch(() => undefined);
  }

  /** Starts; it goes on until the signal aborts. Started again, it ends what ran before and keeps the copy. */
  start(signal: AbortSignal): void {
    this.#session?.abort();
    this.#session = new AbortController();
    this.#version = undefined;
    void this.#run(AbortSignal.any([signal, this.#session.signal]));
    signal.addEventListener('abort', () => this.#synced.reject(signal.reason), { once: true });
  }

  /** Resolves after the first list; rejects with the signal's reason when that aborts earlier. */
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
    let listAt = 0;
    while (!signal.aborted) {
      try {
        if (this.#version === undefined || performance.now() >= listAt) {
          await this.#list(signal);
          listAt = performance.now() + (this.#options.relistMs ?? defaultRelistMs);
        }
        await this.#watch(listAt, signal);
      } catch (error) {
        if (!signal.aborted) await this.#recover(error, signal);
      }
    }
  }

  /** Waits, and decides whether the watch can go on from where it was. */
  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { log, resource } = this.#options;
    this.#failures += 1;
    const lost = isExpired(error) || this.#failures >= failuresUntilList;
    if (lost) this.#version = undefined;
    // A resource that never changes gets no bookmarks: its watch goes silent though nothing is wrong.
    const silent = isKubeReason(error, 'TimedOut') && this.#failures === 1;
    const retryInMs = silent ? 0 : Math.round(this.#backoff.next());
    const fields = { resource: resource.plural, retryInMs, ...errorFields(error) };
    log[this.#failures < 3 ? 'debug' : 'warn'](fields, lost ? 'listing again' : 'the watch failed');
    await delay(retryInMs, undefined, { signal }).catch(() => undefined);
  }

  #healthy(): void {
    this.#failures = 0;
    this.#backoff.reset();
  }

  /** Brings the copy to the state of a list. */
  async #list(signal: AbortSignal): Promise<void> {
    const missed = this.#version === undefined ? undefined : await this.#check(this.#version, signal);
    if (missed !== undefined) {
      if (missed > 0) this.#options.onMissed?.(missed);
      return;
    }
    const list = await this.#options.client.list<T>(this.#options.resource, this.#selector(signal));
    if (signal.aborted) return;
    this.#take(list);
    this.#version = list.resourceVersion;
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  /**
   * Compares the copy with the list at the very version that it claims to have, so that what differs was missed, and
   * was not just late. Undefined when the server does not know that version any more.
   */
  async #check(version: string, signal: AbortSignal): Promise<number | undefined> {
    const { client, resource } = this.#options;
    try {
      const list = await client.list<T>(resource, { ...this.#selector(signal), exactVersion: version });
      return signal.aborted ? 0 : this.#take(list);
    } catch (error) {
      if (isExpired(error)) return undefined;
      throw error;
    }
  }

  /** Takes a list in; the number of objects that differed. */
  #take({ items }: ListResult<T>): number {
    const seen = new Set<string>();
    let changed = 0;
    for (const item of items) {
      seen.add(objectKey(item));
      changed += Number(this.#store(item));
    }
    for (const key of [...this.#objects.keys()]) {
      if (!seen.has(key)) changed += Number(this.#remove(key));
    }
    return changed;
  }

  /** Follows changes until the server ends the watch, which it does when the next list is due. */
  async #watch(listAt: number, signal: AbortSignal): Promise<void> {
    const { client, resource, silenceMs } = this.#options;
    let openedAt = Infinity;
    try {
      const events = client.watch<T>(resource, {
        ...this.#selector(signal),
        resourceVersion: this.#version ?? '',
        maxSeconds: Math.max(1, Math.ceil((listAt - performance.now()) / 1000)),
        onOpen: () => (openedAt = performance.now()),
        ...(silenceMs !== undefined && { silenceMs }),
      });
      for await (const event of events) {
        if (signal.aborted) return;
        openedAt = -Infinity;
        this.#healthy();
        if (event.type === 'DELETED') this.#remove(objectKey(event.object));
        else if (event.type !== 'BOOKMARK') this.#store(event.object);
        // Kept at every event: a watch that resumed further back would tell old states as news.
        this.#version = event.object.metadata.resourceVersion ?? this.#version;
      }
    } finally {
      if (performance.now() - openedAt > healthyMs) this.#healthy();
    }
    if (performance.now() - openedAt < Math.min(healthyMs, 500)) {
      throw new Error('the watch ended as soon as it began');
    }
  }

  #selector(signal: AbortSignal): Selection {
    const { namespace, labelSelector, fieldSelector } = this.#options;
    return {
      signal,
      ...(namespace !== undefined && { namespace }),
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
    };
  }

  /** Takes an object in; false when it is the one already held. */
  #store(object: T): boolean {
    const key = objectKey(object);
    const before = this.#objects.get(key);
    if (before && before.metadata.resourceVersion === object.metadata.resourceVersion) return false;
    const now = (this.#options.transform ?? withoutManagedFields)(object);
    this.#objects.set(key, now);
    this.#notify(key, now, before);
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

interface Selection {
  signal: AbortSignal;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

/** Managed fields are the larger half of small objects. */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  delete (object.metadata as { managedFields?: unknown }).managedFields;
  return object;
}

/**
 * The server no longer has the version or, with 504, does not have it yet, as after a restored backup. A watch from such
 * a version is silent instead of refused, so that case is found by the periodic list.
 */
function isExpired(error: unknown): boolean {
  return error instanceof KubeError && (error.httpStatus === 410 || error.httpStatus === 504);
}
