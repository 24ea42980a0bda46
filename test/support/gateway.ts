/** The gateway in this process, beside a real API server that calls its webhooks on the loopback. */
import type { McpEnvironment, McpSecret, McpServer } from '../../src/api/generated/types.ts';
import type { KubeObject } from '../../src/api/object-meta.ts';
import { Keyring } from '../../src/crypto/keyring.ts';
import { startGateway } from '../../src/gateway/gateway.ts';
import { kubeTokenReviewer } from '../../src/gateway/stream/authenticate.ts';
import { ConsumerRegistry } from '../../src/gateway/stream/consumers.ts';
import { StreamServer } from '../../src/gateway/stream/stream-server.ts';
import { KubeClient } from '../../src/kube/client.ts';
import type { Log } from '../../src/kube/log.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import {
  mcpEnvironments,
  mcpSecrets,
  mcpServers,
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
} from '../../src/kube/resources.ts';
import type { ControlPlane } from '../cluster/control-plane.ts';
import { Authority } from '../cluster/pki.ts';

export interface TestGateway {
  client: KubeClient;
  keyring: Keyring;
  consumers: ConsumerRegistry;
  secrets: Reflector<McpSecret>;
  servers: Reflector<McpServer>;
  /** PEM of the authority that signed the gateway's certificate, for 127.0.0.1. */
  authority: string;
  streamUrl: string;
  /** All that was logged so far. */
  log(): string;
  installWebhooks(): Promise<void>;
  removeWebhooks(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the gateway on free ports; its webhooks are installed and its caches filled. */
export async function startTestGateway(plane: ControlPlane): Promise<TestGateway> {
  const client = KubeClient.fromKubeconfig(plane.kubeconfig);
  const keyring = await Keyring.generate({ suite: 'x-wing', now: new Date() });
  const authority = await Authority.create('gateway-test');
  const certificate = await authority.issue({ commonName: 'gateway', names: ['127.0.0.1'] });
  const lines: string[] = [];
  const write = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { debug: write, info: write, warn: write, error: write };
  const consumers = new ConsumerRegistry(() => undefined);
  const stopping = new AbortController();

  const servers = new Reflector<McpServer>({
    client,
    resource: mcpServers,
    log,
    onChange: (key, now) => streams.serverChanged(key, now),
  });
  const environments = new Reflector<McpEnvironment>({
    client,
    resource: mcpEnvironments,
    log,
    onChange: (key, now) => streams.environmentChanged(key, now),
  });
  const secrets = new Reflector<McpSecret>({ client, resource: mcpSecrets, log, onChange: () => undefined });
  const streams = new StreamServer({
    review: kubeTokenReviewer(client),
    findStorageKey: (id) => keyring.findStorage(id),
    server: (key) => servers.get(key),
    environment: (key) => environments.get(key),
    consumers,
    log,
  });
  const reflectors = [servers, environments, secrets];
  for (const reflector of reflectors) reflector.start(stopping.signal);
  await Promise.all(reflectors.map((reflector) => reflector.synced()));

  const gateway = await startGateway({
    certificate,
    secretReview: {
      keyring: () => keyring,
      secretsOf: (namespace, server) =>
        [...secrets.list()].filter(
          ({ metadata, spec }) => metadata.namespace === namespace && spec.server === server,
        ),
    },
    podReview: { streamUrl: 'wss://mcpcore.mcpcore-system.svc:8444', runtimeImage: 'mcpcore:test' },
    streams,
    ports: { admission: 0, stream: 0 },
    host: '127.0.0.1',
    log,
  });
  const installWebhooks = () => install(client, gateway.ports.admission, authority.certificate);
  await installWebhooks();
  return {
    client,
    keyring,
    consumers,
    secrets,
    servers,
    authority: authority.certificate,
    streamUrl: `wss://127.0.0.1:${gateway.ports.stream}`,
    log: () => lines.join('\n'),
    installWebhooks,
    removeWebhooks: async () => {
      await client.delete(mutatingWebhookConfigurations, 'gateway-test');
      await client.delete(validatingWebhookConfigurations, 'gateway-test');
    },
    stop: async () => {
      stopping.abort();
      await gateway.close();
      await client.close();
    },
  };
}

async function install(client: KubeClient, port: number, authority: string): Promise<void> {
  const webhook = (path: string, apiGroup: string, resource: string) => ({
    name: `${path}.mcpcore.dev`,
    clientConfig: {
      url: `https://127.0.0.1:${port}/admission/${path}`,
      caBundle: Buffer.from(authority).toString('base64'),
    },
    rules: [
      { apiGroups: [apiGroup], apiVersions: ['*'], operations: ['CREATE', 'UPDATE'], resources: [resource] },
    ],
    failurePolicy: 'Fail',
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 20,
  });
  const configuration = (kind: string, webhooks: object[]) =>
    ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind,
      metadata: { name: 'gateway-test' },
      webhooks,
    }) as KubeObject;
  const pods = {
    ...webhook('pods', '', 'pods'),
    reinvocationPolicy: 'IfNeeded',
    objectSelector: { matchExpressions: [{ key: 'mcpcore.dev/server', operator: 'Exists' }] },
  };
  await client.apply(
    mutatingWebhookConfigurations,
    configuration('MutatingWebhookConfiguration', [webhook('secrets', 'mcpcore.dev', 'mcpsecrets'), pods]),
  );
  await client.apply(
    validatingWebhookConfigurations,
    configuration('ValidatingWebhookConfiguration', [webhook('servers', 'mcpcore.dev', 'mcpservers')]),
  );
}
