/**
 * Records Events (events.k8s.io/v1). Events tell people; a failure to record one never fails the work. What happens
 * again becomes a series of one Event, written at intervals, so that a reconcile loop cannot flood the API server.
 */
import { randomBytes } from 'node:crypto';
import type { KubeObject } from '../api/object-meta.ts';
import type { KubeClient } from './client.ts';
import { systemClock, type Clock } from './clock.ts';
import { errorFields, type Log } from './log.ts';
import { events } from './resources.ts';

/** The API server refuses longer notes. */
const maxNoteBytes = 1024;
/** What happens again within this time belongs to the same series. */
const seriesMs = 6 * 60_000;
/** The count of a series is written at most so often. */
const defaultSeriesWriteMs = 10_000;
/** Series kept in memory; beyond, the oldest is forgotten and what happens again is a new Event. */
const maxSeries = 1000;

interface Series {
  name: string;
  namespace: string;
  count: number;
  lastAt: number;
  lastTime: string;
  /** Settles when the Event is stored. */
  created: Promise<unknown>;
  writing: boolean;
}

export class EventRecorder {
  readonly #client: KubeClient;
  readonly #component: string;
  readonly #instance: string;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #seriesWriteMs: number;
  readonly #series = new Map<string, Series>();

  constructor(
    client: KubeClient,
    component: string,
    instance: string,
    log: Log,
    options: { clock?: Clock; seriesWriteMs?: number } = {},
  ) {
    this.#client = client;
    this.#component = component;
    this.#instance = instance;
    this.#log = log;
    this.#clock = options.clock ?? systemClock;
    this.#seriesWriteMs = options.seriesWriteMs ?? defaultSeriesWriteMs;
  }

  /** Records that something happened to an object; returns at once and never throws. */
  event(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const note = truncate(message, maxNoteBytes);
    const { name, namespace = '', uid = '' } = object.metadata;
    const key = JSON.stringify([object.kind, namespace, name, uid, type, reason, note]);
    const known = this.#series.get(key);
    if (known && this.#clock.now() - known.lastAt < seriesMs) this.#again(known);
    else this.#first(key, object, { type, reason, note });
  }

  #first(key: string, object: KubeObject, what: { type: string; reason: string; note: string }): void {
    const { name, namespace, uid } = object.metadata;
    const time = microTime();
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: {
        name: `${name.slice(0, 200)}.${randomBytes(8).toString('hex')}`,
        // Events of objects without a namespace are kept in this one.
        namespace: namespace ?? 'default',
      },
      eventTime: time,
      ...what,
      action: 'Reconcile',
      reportingController: `mcpcore.dev/${this.#component}`,
      reportingInstance: this.#instance,
      regarding: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        ...(namespace && { namespace }),
        ...(uid && { uid }),
      },
    } satisfies KubeObject & Record<string, unknown>;
    const created = this.#client.create<KubeObject>(events, event).catch((error: unknown) => {
      this.#series.delete(key);
      this.#log.warn({ reason: what.reason, ...errorFields(error) }, 'an Event could not be recorded');
    });
    this.#series.delete(key);
    this.#series.set(key, {
      ...event.metadata,
      count: 1,
      lastAt: this.#clock.now(),
      lastTime: time,
      created,
      writing: false,
    });
    const [oldest] = this.#series.keys();
    if (this.#series.size > maxSeries && oldest !== undefined) this.#series.delete(oldest);
  }

  #again(series: Series): void {
    series.count += 1;
    series.lastAt = this.#clock.now();
    series.lastTime = microTime();
    if (series.writing) return;
    series.writing = true;
    this.#clock.after(this.#seriesWriteMs, () => void this.#write(series));
  }

  async #write(series: Series): Promise<void> {
    await series.created;
    series.writing = false;
    const { name, namespace, count, lastTime: lastObservedTime } = series;
    try {
      await this.#client.patch(events, name, namespace, { series: { count, lastObservedTime } }, 'merge');
    } catch (error) {
      this.#log.debug(errorFields(error), 'the count of an Event could not be written');
    }
  }
}

/** MicroTime: six digits, of which JavaScript knows three. */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}

/** The longest beginning of `text` that takes at most `bytes` bytes as UTF-8, without half a character. */
export function truncate(text: string, bytes: number): string {
  const room = Buffer.alloc(bytes);
  return room.toString('utf8', 0, room.write(text.toWellFormed()));
}
