/** Pods that users run: a program of theirs reads `env`, sees changes without a restart, and its log holds no value. */
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mcpSecret } from '../support/fixtures.ts';
import { install, type Installation } from '../support/install.ts';
import { waitFor } from '../support/wait.ts';

const namespace = `own-${randomBytes(3).toString('hex')}`;
let site: Installation;

/** Prints the digest of the value and, carelessly, the value itself, whenever it changes. */
const program = `
const { createHash } = require('node:crypto');
let last = '';
setInterval(() => {
  const digest = createHash('sha256').update(String(env.API_KEY)).digest('hex').slice(0, 16);
  if (digest === last) return;
  last = digest;
  console.log('digest', digest, 'value', env.API_KEY, 'process.env', typeof process.env.API_KEY);
}, 20);
process.on('SIGTERM', () => process.exit(0));`;

const digest = (value: string) => createHash('sha256').update(value).digest('hex').slice(0, 16);
const apply = (object: object) => site.kubectl(['apply', '-f', '-'], JSON.stringify(object));
const logs = () =>
  site.kubectl(['logs', '-n', namespace, '-l', 'app=own', '--tail=-1', '-c', 'main']).catch(() => '');
const seen = (value: string) =>
  waitFor(
    `the program to see ${digest(value)}`,
    async () => (await logs()).includes(`digest ${digest(value)}`),
    120_000,
  );
const set = (values: Record<string, string>) => apply(mcpSecret(namespace, 'own', 'own', values));

beforeAll(async () => {
  site = await install();
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  await apply({
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpServer',
    metadata: { name: 'own', namespace },
    spec: {},
  });
  await apply({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'own', namespace },
    spec: {
      selector: { matchLabels: { app: 'own' } },
      template: {
        metadata: { labels: { app: 'own', 'mcpcore.dev/server': 'own' } },
        spec: {
          terminationGracePeriodSeconds: 5,
          securityContext: { runAsNonRoot: true, runAsUser: 1234 },
          containers: [
            {
              name: 'main',
              image: site.image,
              command: ['/usr/local/bin/node', '-e', program],
              securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false },
            },
          ],
        },
      },
    },
  });
});

afterAll(async () => {
  await site?.kubectl(['delete', 'namespace', namespace, '--wait=false']);
  await site?.client.close();
});

describe("a user's program", () => {
  it('reads its values, sees a rotation and a deletion, in one and the same container', async () => {
    const [first, second] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')];
    await set({ API_KEY: first });
    await seen(first);
    await set({ API_KEY: second });
    await seen(second);
    await set({});
    await seen('undefined');

    const text = await logs();
    expect(text).toContain('value [redacted:API_KEY] process.env undefined');
    for (const value of [first, second]) expect(text).not.toContain(value);
    const pods = JSON.parse(
      await site.kubectl(['get', 'pods', '-n', namespace, '-l', 'app=own', '-o', 'json']),
    ) as {
      items: { status: { containerStatuses: { restartCount: number }[] } }[];
    };
    expect(pods.items.map(({ status }) => status.containerStatuses[0]?.restartCount)).toEqual([0]);
    expect(JSON.stringify(pods)).not.toContain(first);
  });

  it('can not be put under another ServiceAccount, and has to name its command', async () => {
    const pod = (spec: object) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'refused', namespace, labels: { 'mcpcore.dev/server': 'own' } },
      spec: { containers: [{ name: 'main', image: site.image }], ...spec },
    });
    await site.kubectl(['create', 'serviceaccount', 'foreign', '-n', namespace]);
    await expect(apply(pod({ serviceAccountName: 'foreign' }))).rejects.toThrow(
      'run as ServiceAccount mcp-own',
    );
    await expect(apply(pod({}))).rejects.toThrow('command');
  });
});
