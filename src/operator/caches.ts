/** The local copies of our kinds, and the queries over them that the parts of the operator share. */
import type { McpEnvironment, McpSecret, McpServer } from '../api/generated/types.ts';
import type { KubeObject } from '../api/object-meta.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Log } from '../kube/log.ts';
import { Reflector } from '../kube/reflector.ts';
import { deployments, mcpEnvironments, mcpSecrets, mcpServers } from '../kube/resources.ts';
import { componentLabel } from './workload-plan.ts';

export interface Deployment extends KubeObject {
  spec?: { replicas?: number };
  status?: { readyReplicas?: number; observedGeneration?: number };
}

export interface CacheHandlers {
  server: (key: string, now: McpServer | undefined) => void;
  secret: (serverKey: string) => void;
  /** A server or a secret was deleted. */
  gone: (uid: string | undefined) => void;
  environment: (key: string, now: McpEnvironment | undefined) => void;
  deployment: (serverKey: string) => void;
}

export interface Caches {
  servers: Reflector<McpServer>;
  secrets: Reflector<McpSecret>;
  environments: Reflector<McpEnvironment>;
  deployments: Reflector<Deployment>;
  /** The McpSecrets of `namespace/server`. */
  secretsOf(serverKey: string): McpSecret[];
}

/** `namespace/server` that a secret belongs to. */
export function serverKeyOf(secret: McpSecret): string {
  return `${secret.metadata.namespace ?? 'default'}/${secret.spec.server}`;
}

/** Makes the caches; `start` them all, then wait for each to be synced. */
export function createCaches(client: KubeClient, handlers: CacheHandlers, log: Log): Caches {
  const index = new Map<string, Map<string, McpSecret>>();
  const secrets = new Reflector<McpSecret>({
    client,
    resource: mcpSecrets,
    log,
    onChange: (key, now, before) => {
      if (before) index.get(serverKeyOf(before))?.delete(key);
      if (now) {
        const serverKey = serverKeyOf(now);
        const entry = index.get(serverKey) ?? new Map<string, McpSecret>();
        index.set(serverKey, entry.set(key, now));
      }
      const changed = new Set([now, before].filter((secret) => secret !== undefined).map(serverKeyOf));
      for (const serverKey of changed) handlers.secret(serverKey);
      if (!now) handlers.gone(before?.metadata.uid);
    },
  });
  return {
    secrets,
    servers: new Reflector<McpServer>({
      client,
      resource: mcpServers,
      log,
      onChange: (key, now, before) => {
        handlers.server(key, now);
        if (!now) handlers.gone(before?.metadata.uid);
      },
    }),
    environments: new Reflector<McpEnvironment>({
      client,
      resource: mcpEnvironments,
      log,
      onChange: handlers.environment,
    }),
    deployments: new Reflector<Deployment>({
      client,
      resource: deployments,
      labelSelector: `app.kubernetes.io/managed-by=mcpcore,${componentLabel}=runner`,
      log,
      onChange: (key, now, before) => {
        const name = (now ?? before)?.metadata.labels?.['app.kubernetes.io/instance'];
        if (name) handlers.deployment(`${key.split('/')[0] ?? ''}/${name}`);
      },
    }),
    secretsOf: (serverKey) => [...(index.get(serverKey)?.values() ?? [])],
  };
}

/** Starts all caches and waits until each has its first list. */
export async function startCaches(caches: Caches, signal: AbortSignal): Promise<void> {
  const all = [caches.servers, caches.secrets, caches.environments, caches.deployments];
  for (const reflector of all) reflector.start(signal);
  await Promise.all(all.map((reflector) => reflector.synced()));
}
