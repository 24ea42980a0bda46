/** What people have today: a Secret as a volume, the same with a nudge, and a Deployment that is rolled out. */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { spawn } from 'node:child_process';
import type { KubeObject } from '../../src/api/object-meta.ts';
import { deployments, pods, secrets } from '../../src/kube/resources.ts';
import { kubeconfigPath } from '../cluster/paths.ts';
import { ensurePrograms } from '../cluster/binaries.ts';
import type { Installation } from '../support/install.ts';
import { waitFor } from '../support/wait.ts';

const node = '/usr/local/bin/node';
const watchFile = `
const { readFileSync } = require('node:fs');
let last;
setInterval(() => {
  const value = readFileSync('/secret/value', 'utf8');
  if (value !== last) console.log((last = value));
}, 10);`;
const printOnce = 'console.log(process.env.VALUE); setInterval(() => {}, 1 << 30);';

async function writeSecret(
  site: Installation,
  namespace: string,
  name: string,
  value: string,
): Promise<void> {
  const object = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    data: { value: Buffer.from(value).toString('base64') },
  } as KubeObject;
  await site.client.apply(secrets, object);
}

/** Collects the lines that pods of a selector print, and when. */
async function follow(
  namespace: string,
  args: readonly string[],
): Promise<{ seen: Map<string, number>; end(): void }> {
  const { kubectl } = await ensurePrograms('kubectl');
  const child = spawn(kubectl, ['logs', '-n', namespace, '-f', ...args], {
    env: { ...process.env, KUBECONFIG: kubeconfigPath },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const seen = new Map<string, number>();
  createInterface({ input: child.stdout }).on('line', (line) => seen.set(line, performance.now()));
  return { seen, end: () => child.kill() };
}

/** Times in ms from the API server's answer until the file in the pod has the new value. */
export async function volumeRotation(
  site: Installation,
  namespace: string,
  n: number,
  nudge: boolean,
): Promise<number[]> {
  const name = nudge ? 'nudged' : 'volume';
  await writeSecret(site, namespace, name, 'start');
  await site.client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      containers: [
        {
          name: 'main',
          image: site.image,
          command: [node, '-e', watchFile],
          volumeMounts: [{ name: 'secret', mountPath: '/secret' }],
        },
      ],
      volumes: [{ name: 'secret', secret: { secretName: name } }],
    },
  } as KubeObject);
  await site.kubectl(['wait', '-n', namespace, `pod/${name}`, '--for=condition=Ready', '--timeout=120s']);
  const { seen, end } = await follow(namespace, [name]);
  const samples: number[] = [];
  try {
    await waitFor('the first line', () => seen.size > 0);
    for (let round = 0; round < n; round += 1) {
      const value = randomBytes(12).toString('hex');
      await writeSecret(site, namespace, name, value);
      const acknowledged = performance.now();
      if (nudge) {
        const annotations = { 'bench/nudge': value };
        await site.client.patch(pods, name, namespace, { metadata: { annotations } }, 'merge');
      }
      samples.push((await waitFor('the file to change', () => seen.get(value), 180_000)) - acknowledged);
    }
  } finally {
    end();
  }
  return samples;
}

/** Times in ms from the API server's answer to a change of the Deployment until a new pod prints the value. */
export async function rolloutRotation(site: Installation, namespace: string, n: number): Promise<number[]> {
  const labels = { app: 'rollout' };
  await writeSecret(site, namespace, 'rollout', 'start');
  await site.client.create(deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'rollout', namespace },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: 'main',
              image: site.image,
              command: [node, '-e', printOnce],
              env: [{ name: 'VALUE', valueFrom: { secretKeyRef: { name: 'rollout', key: 'value' } } }],
            },
          ],
        },
      },
    },
  } as KubeObject);
  const settled = () =>
    site.kubectl(['rollout', 'status', '-n', namespace, 'deployment/rollout', '--timeout=120s']);
  await settled();
  const samples: number[] = [];
  for (let round = 0; round < n; round += 1) {
    const value = randomBytes(12).toString('hex');
    await writeSecret(site, namespace, 'rollout', value);
    const acknowledged = performance.now();
    const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() };
    const patch = { spec: { template: { metadata: { annotations } } } };
    await site.client.patch(deployments, 'rollout', namespace, patch, 'merge');
    await waitFor('a pod that prints the value', async () => {
      const lines = await site
        .kubectl(['logs', '-n', namespace, '-l', 'app=rollout', '--tail=1'])
        .catch(() => '');
      return lines.includes(value);
    });
    samples.push(performance.now() - acknowledged);
    await settled();
  }
  return samples;
}
