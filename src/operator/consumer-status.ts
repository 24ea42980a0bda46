/**
 * Publishes which pods are connected to this replica. Each replica applies its own entry of `status.gateways`, under
 * its own field manager, so that replicas do not disturb each other; changes within a short time are written once.
 */
import type { McpServer } from '../api/generated/types.ts';
import type { Consumer } from '../gateway/stream/consumers.ts';
import type { KubeClient } from '../kube/client.ts';
import { KubeError } from '../kube/errors.ts';
import { mcpServers } from '../kube/resources.ts';
import { canonical, statusObject } from './status-reconciler.ts';

const maxPods = 100;

export interface ConsumerStatusDeps {
  client: KubeClient;
  /** Name of this replica. */
  replica: string;
  consumersOf: (serverKey: string) => Consumer[];
}

/** Applies this replica's entry for one server, if it differs from the stored one. */
export async function publishConsumers(
  server: McpServer,
  revision: number,
  deps: ConsumerStatusDeps,
): Promise<void> {
  const { namespace = 'default', name } = server.metadata;
  const pods = deps.consumersOf(`${namespace}/${name}`);
  const entry = {
    name: deps.replica,
    connected: pods.length,
    current: pods.filter((pod) => pod.revision >= revision).length,
    pods: pods.slice(0, maxPods).map((pod) => ({ name: pod.pod, revision: pod.revision })),
  };
  const stored = server.status?.gateways?.find((gateway) => gateway.name === deps.replica);
  const wanted = pods.length > 0 ? [entry] : [];
  if (canonical(stored ? [stored] : []) === canonical(wanted)) return;
  await deps.client
    .apply(mcpServers, statusObject(server, { gateways: wanted }), replicaManager(deps.replica))
    .catch(ignoreDeleted);
}

/**
 * Removes the entries of replicas that are gone, which nobody else would.
 * @param alive names of the operator's pods
 */
export async function pruneReplicas(
  servers: Iterable<McpServer>,
  alive: ReadonlySet<string>,
  client: KubeClient,
): Promise<void> {
  for (const server of servers) {
    for (const { name } of server.status?.gateways ?? []) {
      if (alive.has(name)) continue;
      await client
        .apply(mcpServers, statusObject(server, { gateways: [] }), replicaManager(name))
        .catch(ignoreDeleted);
    }
  }
}

/** Each replica owns its entry under a field manager of its own. */
function replicaManager(replica: string): { subresource: 'status'; fieldManager: string } {
  return { subresource: 'status', fieldManager: `mcpcore-gateway-${replica}` };
}

/** The server may have been deleted meanwhile. */
function ignoreDeleted(error: unknown): void {
  if (!(error instanceof KubeError) || error.httpStatus !== 404) throw error;
}
