/** Writes the status of a server and of its secrets, when it differs from what is stored. */
import type { McpSecret, McpServer } from '../api/generated/types.ts';
import { apiVersion, fieldManager } from '../api/names.ts';
import type { KubeObject } from '../api/object-meta.ts';
import type { KubeClient } from '../kube/client.ts';
import { mcpSecrets, mcpServers, type ResourceRef } from '../kube/resources.ts';
import { orphanStatus, secretStatus, serverStatus, type Observed } from './status-plan.ts';

export interface StatusDeps {
  client: KubeClient;
  now: () => Date;
}

export class StatusReconciler {
  readonly #deps: StatusDeps;
  /** By uid, the version of the object that the last write was made from. */
  readonly #madeFrom = new Map<string, string>();

  constructor(deps: StatusDeps) {
    this.#deps = deps;
  }

  /** Brings the status of one server and of its secrets up to date. */
  async reconcile(observed: Observed, secrets: readonly McpSecret[]): Promise<void> {
    const now = this.#deps.now();
    const { gateways: _replicas, ...stored } = observed.server.status ?? {};
    await this.#write(mcpServers, observed.server, stored, serverStatus(observed, now));
    for (const secret of secrets) {
      await this.#write(mcpSecrets, secret, secret.status ?? {}, secretStatus(secret, observed, now));
    }
  }

  /** The same for secrets whose server does not exist. */
  async reconcileOrphans(secrets: readonly McpSecret[]): Promise<void> {
    for (const secret of secrets) {
      await this.#write(mcpSecrets, secret, secret.status ?? {}, orphanStatus(secret, this.#deps.now()));
    }
  }

  /** Drops the memory of an object that is gone. */
  forget(uid: string | undefined): void {
    if (uid) this.#madeFrom.delete(uid);
  }

  async #write(
    resource: ResourceRef,
    object: McpServer | McpSecret,
    stored: object,
    status: object,
  ): Promise<void> {
    if (canonical(stored) === canonical(status)) return;
    const { uid = '', resourceVersion = '' } = object.metadata;
    // The cache has not seen the last write yet. What changed since is written when that arrives, and not with a
    // transition time that a second look at the old object would give.
    if (this.#madeFrom.get(uid) === resourceVersion) return;
    const written = await this.#deps.client.apply(resource, statusObject(object, status), {
      subresource: 'status',
      fieldManager,
    });
    if (written.metadata.resourceVersion !== resourceVersion) this.#madeFrom.set(uid, resourceVersion);
  }
}

/** What is applied to the status subresource: identity and status alone. */
export function statusObject(object: KubeObject, status: object): KubeObject {
  const { name, namespace } = object.metadata;
  return {
    apiVersion,
    kind: object.kind,
    metadata: { name, ...(namespace && { namespace }) },
    status,
  } as KubeObject;
}

/** JSON with the keys of objects in order: the API server does not keep the order that it was sent. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
