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

/** Brings the status of one server and of its secrets up to date. */
export async function reconcileStatus(
  observed: Observed,
  secrets: readonly McpSecret[],
  deps: StatusDeps,
): Promise<void> {
  const now = deps.now();
  const { gateways: _replicas, ...stored } = observed.server.status ?? {};
  await write(mcpServers, observed.server, stored, serverStatus(observed, now), deps);
  for (const secret of secrets) {
    await write(mcpSecrets, secret, secret.status ?? {}, secretStatus(secret, observed, now), deps);
  }
}

/** The same for secrets whose server does not exist. */
export async function reconcileOrphans(secrets: readonly McpSecret[], deps: StatusDeps): Promise<void> {
  for (const secret of secrets) {
    await write(mcpSecrets, secret, secret.status ?? {}, orphanStatus(secret, deps.now()), deps);
  }
}

async function write(
  resource: ResourceRef,
  object: McpServer | McpSecret,
  stored: object,
  status: object,
  deps: StatusDeps,
): Promise<void> {
  if (canonical(stored) === canonical(status)) return;
  await deps.client.apply(resource, statusObject(object, status), { subresource: 'status', fieldManager });
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
