/**
 * A real operator beside a real API server: the operator's own process, and webhook configurations that call it on the
 * loopback. The API server, the operator and the test all see the same cluster.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeObject } from '../../src/api/object-meta.ts';
import { KubeClient } from '../../src/kube/client.ts';
import {
  mutatingWebhookConfigurations,
  namespaces,
  validatingWebhookConfigurations,
} from '../../src/kube/resources.ts';
import type { ControlPlane } from '../cluster/control-plane.ts';
import { freePorts } from '../cluster/ports.ts';
import { waitFor } from './wait.ts';

export const operatorNamespace = 'mcpcore-system';

export interface TestOperator {
  client: KubeClient;
  /** Address of the env stream. */
  streamUrl: string;
  /** PEM of the gateway's authority. */
  authority(): Promise<string>;
  /** What the operator logged so far. */
  log(): Promise<string>;
  /** Ends it without warning and starts it again. */
  restart(): Promise<void>;
  removeWebhooks(): Promise<void>;
  installWebhooks(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts an operator on free ports of the loopback. */
export async function startOperator(plane: ControlPlane): Promise<TestOperator> {
  const client = KubeClient.fromKubeconfig(plane.kubeconfig);
  await client.apply(namespaces, meta('Namespace', 'v1', operatorNamespace));
  const [admission = 0, stream = 0, health = 0] = await freePorts(3);
  const logFile = join(plane.dir, 'operator.log');
  const start = () => launch(plane, { admission, stream, health }, logFile);
  const install = () => installWebhooks(client, admission);
  await install();
  let child = await start();
  return {
    client,
    streamUrl: `wss://localhost:${stream}`,
    authority: async () => {
      const text = await plane.kubectl([
        'get',
        'secret',
        '-n',
        operatorNamespace,
        'mcpcore-tls',
        '-o',
        'json',
      ]);
      const { data } = JSON.parse(text) as { data: Record<string, string> };
      return Buffer.from(data['ca.crt'] ?? '', 'base64').toString();
    },
    log: () => readFile(logFile, 'utf8'),
    restart: async () => {
      await end(child, 'SIGKILL');
      child = await start();
    },
    installWebhooks: async () => {
      await install();
      // The running operator puts its authority in at its next check; a restart does so at once.
      await end(child, 'SIGTERM');
      child = await start();
    },
    removeWebhooks: async () => {
      await client.delete(mutatingWebhookConfigurations, 'mcpcore');
      await client.delete(validatingWebhookConfigurations, 'mcpcore');
    },
    stop: async () => {
      await end(child, 'SIGTERM');
      await client.close();
    },
  };
}

async function launch(
  plane: ControlPlane,
  ports: { admission: number; stream: number; health: number },
  logFile: string,
): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['src/operator/main.ts'], {
    cwd: new URL('../..', import.meta.url),
    env: {
      KUBECONFIG: plane.kubeconfig,
      POD_NAME: 'operator-0',
      POD_NAMESPACE: operatorNamespace,
      MCPCORE_IMAGE: 'mcpcore:test',
      MCPCORE_LOG_LEVEL: 'debug',
      MCPCORE_ADMISSION_PORT: String(ports.admission),
      MCPCORE_STREAM_PORT: String(ports.stream),
      MCPCORE_HEALTH_PORT: String(ports.health),
      NODE_OPTIONS: '--disable-warning=ExperimentalWarning',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = createWriteStream(logFile, { flags: 'a' });
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  await waitFor('the operator to be ready', async () => {
    if (child.exitCode !== null) throw new Error(`the operator ended:\n${await readFile(logFile, 'utf8')}`);
    const answer = await fetch(`http://127.0.0.1:${ports.health}/readyz`).catch(() => undefined);
    return answer?.ok;
  });
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

async function installWebhooks(client: KubeClient, port: number): Promise<void> {
  const webhook = (name: string, kind: string, resource: object) => ({
    name: `${name}.mcpcore.dev`,
    clientConfig: { url: `https://localhost:${port}/admission/${kind}` },
    rules: [{ apiVersions: ['*'], operations: ['CREATE', 'UPDATE'], scope: 'Namespaced', ...resource }],
    failurePolicy: 'Fail',
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    timeoutSeconds: 5,
  });
  const ours = (resource: string) => ({ apiGroups: ['mcpcore.dev'], resources: [resource] });
  await client.apply(mutatingWebhookConfigurations, {
    ...meta('MutatingWebhookConfiguration', 'admissionregistration.k8s.io/v1', 'mcpcore'),
    webhooks: [
      webhook('secrets', 'secrets', ours('mcpsecrets')),
      {
        ...webhook('pods', 'pods', { apiGroups: [''], resources: ['pods'] }),
        objectSelector: { matchExpressions: [{ key: 'mcpcore.dev/server', operator: 'Exists' }] },
      },
    ],
  } as KubeObject);
  await client.apply(validatingWebhookConfigurations, {
    ...meta('ValidatingWebhookConfiguration', 'admissionregistration.k8s.io/v1', 'mcpcore'),
    webhooks: [webhook('servers', 'servers', ours('mcpservers'))],
  } as KubeObject);
}

/** An object of no namespace. */
export function meta(kind: string, apiVersion: string, name: string): KubeObject {
  return { apiVersion, kind, metadata: { name } };
}
