/** Puts the operator together: caches, gateway and, on the leader, the controller. */
import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { ConsumerRegistry } from '../gateway/stream/consumers.ts';
import { kubeTokenReviewer } from '../gateway/stream/authenticate.ts';
import { StreamServer } from '../gateway/stream/stream-server.ts';
import { startGateway, type Gateway } from '../gateway/gateway.ts';
import { gatewayMetrics } from '../gateway/metrics.ts';
import type { KubeClient } from '../kube/client.ts';
import { EventRecorder } from '../kube/events.ts';
import { LeaderElector } from '../kube/lease.ts';
import { errorFields, type Log } from '../kube/log.ts';
import { pods } from '../kube/resources.ts';
import { WorkQueue } from '../kube/work-queue.ts';
import { createCaches, startCaches, type Caches } from './caches.ts';
import { loadCertificates, trustAuthority } from './certificate-store.ts';
import type { Certificates } from './certificates.ts';
import { streamUrl, type OperatorConfig } from './config.ts';
import { pruneReplicas, publishConsumers } from './consumer-status.ts';
import { Controller } from './controller.ts';
import { startHealth } from './health.ts';
import { loadOrCreateKeyring, publishSealingKeys } from './keyring-store.ts';

const certificateCheckMs = 10 * 60_000;
/** How long a replica that is gone may be counted. */
const pruneMs = 10_000;
/** Consumers of a server that come and go together are written to its status together. */
const consumerDebounceMs = 100;

/** Runs a replica of the operator until the signal aborts. */
export async function runOperator(
  config: OperatorConfig,
  client: KubeClient,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const registry = new Registry();
  const metrics = gatewayMetrics(registry);
  let missing: string | undefined = 'keyring and caches';
  const health = startHealth(config.ports.health, () => missing, registry);
  const keyring = await loadOrCreateKeyring(client, config.namespace, new Date());
  let certificates = await loadCertificates(client, config.namespace, config.service, new Date());

  const consumerQueue = new WorkQueue({
    concurrency: 4,
    log,
    process: async (key) => {
      const server = caches.servers.get(key);
      const revision = caches.environments.get(key)?.spec.revision ?? 0;
      if (server) await publishConsumers(server, revision, consumerDeps);
    },
  });
  const consumers = new ConsumerRegistry((key) => consumerQueue.addAfter(key, consumerDebounceMs));
  const consumerDeps = { client, replica: config.podName, consumersOf: (key: string) => consumers.of(key) };
  const streams = new StreamServer({
    review: kubeTokenReviewer(client),
    findStorageKey: (id) => keyring.findStorage(id),
    server: (key) => caches.servers.get(key),
    environment: (key) => caches.environments.get(key),
    consumers,
    log,
    metrics,
  });
  const caches: Caches = createCaches(
    client,
    {
      server: (key, now) => {
        streams.serverChanged(key, now);
        // Also what an earlier process of this name left in the status is found here.
        consumerQueue.addAfter(key, consumerDebounceMs);
        controller.enqueue(key);
      },
      secret: (key) => controller.enqueue(key),
      gone: (uid) => controller.forget(uid),
      environment: (key, now) => {
        streams.environmentChanged(key, now);
        consumerQueue.addAfter(key, consumerDebounceMs);
        controller.enqueue(key);
      },
      deployment: (key) => controller.enqueue(key),
    },
    log,
  );
  const controller = new Controller({
    client,
    caches,
    keyring: () => keyring,
    image: config.image,
    authority: () => certificates.authority,
    events: new EventRecorder(client, 'operator', config.podName, log),
    log,
    now: () => new Date(),
  });

  await startCaches(caches, signal);
  consumerQueue.start(signal);
  const gateway = await startGateway({
    certificate: certificates,
    secretReview: {
      keyring: () => keyring,
      secretsOf: (namespace, server) => caches.secretsOf(`${namespace}/${server}`),
    },
    podReview: {
      streamUrl: streamUrl(config),
      runtimeImage: config.image,
      hasServer: (namespace, server) => caches.servers.get(`${namespace}/${server}`) !== undefined,
    },
    streams,
    ports: config.ports,
    log,
    metrics,
  });
  const renew = async (): Promise<void> => {
    certificates = await renewCertificates(config, client, gateway, certificates);
  };
  await renew();
  await publishSealingKeys(client, config.namespace, keyring);
  missing = undefined;
  log.info({ namespace: config.namespace, ...gateway.ports }, 'ready');

  const timer = setInterval(() => {
    renew().catch((error: unknown) => log.error(errorFields(error), 'certificates could not be renewed'));
  }, certificateCheckMs);
  const elector = new LeaderElector({
    client,
    namespace: config.namespace,
    name: 'mcpcore-operator',
    identity: config.podName,
    log,
    onStartedLeading: (leading) => {
      controller.start(leading);
      void pruneWhileLeading(config, client, caches, log, leading);
    },
  });
  await elector.run(signal);
  missing = 'nothing: shutting down';
  clearInterval(timer);
  await gateway.close();
  health.close();
  await client.close();
}

async function renewCertificates(
  config: OperatorConfig,
  client: KubeClient,
  gateway: Gateway,
  current: Certificates,
): Promise<Certificates> {
  const next = await loadCertificates(client, config.namespace, config.service, new Date());
  if (next.certificate !== current.certificate) gateway.setCertificate(next);
  await trustAuthority(client, config.webhookConfiguration, next.authority);
  return next;
}

/** Removes what replicas that are gone have left in status, now and from time to time, one pass after the other. */
async function pruneWhileLeading(
  config: OperatorConfig,
  client: KubeClient,
  caches: Caches,
  log: Log,
  leading: AbortSignal,
): Promise<void> {
  while (!leading.aborted) {
    try {
      const { items } = await client.list(pods, { namespace: config.namespace });
      const alive = new Set([config.podName, ...items.map(({ metadata }) => metadata.name)]);
      await pruneReplicas(caches.servers.list(), alive, client);
    } catch (error) {
      log.warn(errorFields(error), 'replicas that are gone stay in status');
    }
    await delay(pruneMs, undefined, { signal: leading }).catch(() => undefined);
  }
}
