/**
 * The chart, installed by helm on a real API server. The operator runs beside it as the chart's ServiceAccount, so the
 * rights that the chart grants are the ones that it works with.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { checkout } from '../cluster/paths.ts';
import { waitFor } from '../cluster/process.ts';
import { chartDir, helm, namespace, type Manifest } from '../unit/chart/helm.ts';

const account = `system:serviceaccount:${namespace}:mcpcore`;
const configurations = ['mutatingwebhookconfiguration', 'validatingwebhookconfiguration'];
let plane: ControlPlane;
let operator: ChildProcess | undefined;
let admissionPort = 0;
let log = '';

const kubectl = (...args: string[]) => plane.kubectl(args);
const release = (command: string, ...args: string[]) =>
  helm(command, 'mcpcore', chartDir, '-n', namespace, '--kubeconfig', plane.kubeconfig, ...args);

interface Configuration {
  webhooks: { clientConfig: { caBundle?: string; url?: string } }[];
}

const configuration = async (kind: string) =>
  JSON.parse(await kubectl('get', kind, 'mcpcore', '-o', 'json')) as Configuration;
const bundles = async () =>
  (await Promise.all(configurations.map(configuration))).flatMap(({ webhooks }) =>
    webhooks.map(({ clientConfig }) => clientConfig.caBundle ?? ''),
  );

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}

/** The operator's own process, as the chart's ServiceAccount. */
async function startOperator(): Promise<void> {
  admissionPort = await freePort();
  const health = await freePort();
  operator = spawn(process.execPath, ['src/operator/main.ts'], {
    cwd: checkout,
    env: {
      KUBECONFIG: await plane.kubeconfigFor(account),
      POD_NAME: 'mcpcore-0',
      POD_NAMESPACE: namespace,
      MCPCORE_IMAGE: 'mcpcore:test',
      MCPCORE_LOG_LEVEL: 'debug',
      MCPCORE_ADMISSION_PORT: String(admissionPort),
      MCPCORE_STREAM_PORT: String(await freePort()),
      MCPCORE_HEALTH_PORT: String(health),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [operator.stdout, operator.stderr]) {
    stream?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  }
  await waitFor('operator ready', async () => {
    if (operator?.exitCode !== null) throw new Error(`the operator ended: ${log}`);
    return (await fetch(`http://127.0.0.1:${health}/readyz`)).ok;
  });
}

/** Lets the API server, which resolves no Service here, reach the operator's port on the loopback. */
async function pointWebhooksAtOperator(): Promise<void> {
  for (const kind of configurations) {
    const paths = { secrets: 0, pods: 1, servers: 0 };
    const ours = kind.startsWith('mutating') ? (['secrets', 'pods'] as const) : (['servers'] as const);
    const patch = ours.flatMap((name) => {
      const field = `/webhooks/${paths[name]}/clientConfig`;
      const url = `https://localhost:${admissionPort}/admission/${name}`;
      return [
        { op: 'remove', path: `${field}/service` },
        { op: 'add', path: `${field}/url`, value: url },
      ];
    });
    await kubectl('patch', kind, 'mcpcore', '--type=json', '-p', JSON.stringify(patch));
  }
}

beforeAll(async () => {
  plane = await startControlPlane();
  await release('install', '--create-namespace');
  await kubectl('wait', '--for=condition=Established', 'crd/mcpsecrets.mcpcore.dev', '--timeout=30s');
  await kubectl('create', 'namespace', 'tools');
});

afterAll(async () => {
  if (operator && operator.exitCode === null) {
    const ended = once(operator, 'exit');
    operator.kill('SIGTERM');
    await ended;
  }
  await plane?.stop();
});

describe('the chart', () => {
  it('is closed while no operator answers', async () => {
    const example = join(checkout, 'examples/github-tools/secret.yaml');
    const problem = await waitFor('a refusal by the webhook', async () => {
      const text = await kubectl('-n', 'tools', 'apply', '--dry-run=server', '-f', example).catch(String);
      return text.includes('failed calling webhook') && text;
    });
    expect(problem).toContain('secrets.mcpcore.dev');
    expect(problem).not.toContain('replace-me');
    await expect(kubectl('-n', 'tools', 'run', 'other', '--image=x')).resolves.toContain('created');
    await expect(
      kubectl('-n', 'tools', 'run', 'ours', '--image=x', '-l', 'mcpcore.dev/server=github-tools'),
    ).rejects.toThrow('pods.mcpcore.dev');
  });

  it('grants the operator what it needs to start, and upgrades leave its authority in the webhooks', async () => {
    await startOperator();
    const before = await bundles();
    expect(before).toHaveLength(3);
    expect(before.every((bundle) => bundle.length > 100)).toBe(true);
    await release('upgrade', '--set', 'replicas=3', '--set', 'admission.timeoutSeconds=4');
    expect(await bundles()).toEqual(before);
    const timeouts = await kubectl('get', configurations[0]!, 'mcpcore', '-o', 'jsonpath={..timeoutSeconds}');
    expect(timeouts).toBe('4 4');
  });

  it('grants it what it needs to serve the examples', async () => {
    await pointWebhooksAtOperator();
    await waitFor('the example is taken', () =>
      kubectl('-n', 'tools', 'apply', '-f', join(checkout, 'examples/github-tools')),
    );
    const get = (...args: string[]) => kubectl('-n', 'tools', 'get', ...args, '-o', 'name').catch(() => '');
    await waitFor('the workload', async () => {
      const made = await get('deployment/mcp-github-tools', 'service/mcp-github-tools');
      const identity = await get('serviceaccount/mcp-github-tools', 'configmap/mcpcore-ca');
      return made.includes('service/') && identity.includes('configmap/');
    });
    await kubectl(
      '-n',
      'tools',
      'wait',
      'mcpsecret/github-tools',
      '--for=condition=Programmed',
      '--timeout=30s',
    );
    const stored = await kubectl('-n', 'tools', 'get', 'mcpsecret', 'github-tools', '-o', 'yaml');
    expect(stored).toContain('mcps1.');
    expect(stored).not.toContain('replace-me');
    expect(log).not.toMatch(/forbidden|"httpStatus":403/i);
  });

  it('gives pods an identity that the Pod Security Standard "restricted" lets pass', async () => {
    await kubectl('label', 'namespace', 'tools', 'pod-security.kubernetes.io/enforce=restricted');
    await kubectl('-n', 'tools', 'apply', '-f', join(checkout, 'examples/your-own-pods'));
    for (const deployment of ['mcp-github-tools', 'weather']) {
      const { spec } = JSON.parse(
        await kubectl('-n', 'tools', 'get', 'deployment', deployment, '-o', 'json'),
      ) as Manifest;
      // No controller runs here that would make the pod.
      const { metadata } = spec.template;
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...metadata, name: deployment },
        spec: spec.template.spec,
      };
      const made = await waitFor(`a pod of ${deployment}`, () =>
        plane.kubectl(['-n', 'tools', 'create', '-f', '-', '-o', 'json'], JSON.stringify(pod)),
      );
      expect(made).toContain('mcpcore.dev/env');
      expect(made).not.toContain('replace-me');
    }
  });

  it.each([
    ['get secrets', 'tools', 'no'],
    ['list secrets', namespace, 'no'],
    ['get secrets/other', namespace, 'no'],
    ['get secrets/mcpcore-keyring', namespace, 'yes'],
    ['create configmaps/other', 'tools', 'no'],
    ['get pods', 'tools', 'no'],
    ['update mcpsecrets.mcpcore.dev', 'tools', 'no'],
    ['bind roles.rbac.authorization.k8s.io', 'tools', 'no'],
  ])('answers whether the operator may %s in %s with "%s"', async (right, where, answer) => {
    const words = ['auth', 'can-i', ...right.split(' '), '-n', where, '--as', account];
    const said = await kubectl(...words).catch(String);
    expect(said.trim()).toMatch(new RegExp(`\\b${answer}$`));
  });

  it('lets everybody read the public keys and nothing beside them', async () => {
    const mayGet = (name: string) =>
      kubectl(
        'auth',
        'can-i',
        'get',
        name,
        '-n',
        namespace,
        '--as',
        'eve',
        '--as-group=system:authenticated',
      );
    await expect(mayGet('configmap/mcpcore-sealing-keys')).resolves.toContain('yes');
    await expect(mayGet('configmap/other')).rejects.toThrow('no');
    await expect(mayGet('secret/mcpcore-keyring')).rejects.toThrow('no');
  });

  it('keeps keys, kinds and values when it is uninstalled', async () => {
    await helm('uninstall', 'mcpcore', '-n', namespace, '--kubeconfig', plane.kubeconfig);
    await expect(kubectl('get', 'mutatingwebhookconfiguration', 'mcpcore')).rejects.toThrow('not found');
    await expect(kubectl('-n', 'tools', 'get', 'mcpsecret', 'github-tools')).resolves.toContain(
      'github-tools',
    );
    await expect(
      kubectl('-n', namespace, 'get', 'secret', 'mcpcore-root-key', 'mcpcore-keyring'),
    ).resolves.toContain('mcpcore-keyring');
    // Installed again it takes over what it left.
    await expect(release('install')).resolves.toContain('deployed');
  });
});
