/** Records Events (events.k8s.io/v1). Events tell people; a failure to record one never fails the work. */
import { randomBytes } from 'node:crypto';
import type { KubeObject } from '../api/object-meta.ts';
import type { KubeClient } from './client.ts';
import { errorFields, type Log } from './log.ts';
import { events } from './resources.ts';

/** The API server refuses longer notes. */
const maxNote = 1024;

export class EventRecorder {
  readonly #client: KubeClient;
  readonly #component: string;
  readonly #instance: string;
  readonly #log: Log;

  constructor(client: KubeClient, component: string, instance: string, log: Log) {
    this.#client = client;
    this.#component = component;
    this.#instance = instance;
    this.#log = log;
  }

  /** Records that something happened to an object; returns at once. */
  event(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const { name, namespace = 'default', uid } = object.metadata;
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: `${name.slice(0, 200)}.${randomBytes(8).toString('hex')}`, namespace },
      eventTime: new Date().toISOString().replace('Z', '000Z'),
      type,
      reason,
      action: 'Reconcile',
      note: message.slice(0, maxNote),
      reportingController: `mcpcore.dev/${this.#component}`,
      reportingInstance: this.#instance,
      regarding: { apiVersion: object.apiVersion, kind: object.kind, name, namespace, ...(uid && { uid }) },
    } as KubeObject;
    this.#client.create(events, event).catch((error: unknown) => {
      this.#log.warn({ reason, ...errorFields(error) }, 'an Event could not be recorded');
    });
  }
}
