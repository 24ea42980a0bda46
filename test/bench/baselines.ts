/**
 * What people have today: a Secret as a volume, the same with a nudge, and a Deployment that is rolled out. The pods
 * print when they saw a value, by the clock that they share with this process, so that what reading their log takes is
 * not counted.
 */
import { randomBytes } from 'node:crypto';
import type { KubeObject } from '../../src/api/object-meta.ts';
import { deployments, pods, secrets } from '../../src/kube/resources.ts';
import type { Installation } from '../support/install.ts';
import { waitFor } from '../support/wait.ts';

const node = '/usr/local/bin/node';
const watchFile = `
const { readFileSync } = require('node:fs');
let last;
setInterval(() => {
  const value = readFileSync('/secret/value', 'utf8');
  if (value !== last) console.log((last = value), Date.now());
}, 10);`;
const printOnce = 'console.log(process.env.VALUE, Date.now()); setInterval(() => {}, 1 << 30);';

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

/** When a pod of the selector saw the value, in ms since the epoch. */
async function sawAt(
  site: Installation,
  namespace: string,
  selector: string,
  value: string,
): Promise<number> {
  return waitFor(
    'a pod to see the value',
    async () => {
      const args = ['logs', '-n', namespace, '-l', selector, '--tail=2'];
      const lines = await site.kubectl(args).catch(() => '');
      return Number(new RegExp(`^${value} (\\d+)$`, 'm').exec(lines)?.[1]);
    },
    180_000,
  );
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
    metadata: { name, namespace, labels: { app: name } },
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
  const samples: number[] = [];
  await sawAt(site, namespace, `app=${name}`, 'start');
  for (let round = 0; round < n; round += 1) {
    const value = randomBytes(12).toString('hex');
    await writeSecret(site, namespace, name, value);
    const acknowledged = Date.now();
    if (nudge) {
      const annotations = { 'bench/nudge': value };
      await site.client.patch(pods, name, namespace, { metadata: { annotations } }, 'merge');
    }
    samples.push((await sawAt(site, namespace, `app=${name}`, value)) - acknowledged);
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
    const acknowledged = Date.now();
    const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() };
    const patch = { spec: { template: { metadata: { annotations } } } };
    await site.client.patch(deployments, 'rollout', namespace, patch, 'merge');
    samples.push((await sawAt(site, namespace, 'app=rollout', value)) - acknowledged);
    await settled();
  }
  return samples;
}
