/** The main job on the real node: secrets reach tool code, change under it, and show up nowhere else. */
import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { currentCluster } from '../cluster/cluster.ts';
import { killComponent, runInClusterNetwork, startComponent } from '../cluster/control.ts';
import { localDir } from '../cluster/paths.ts';
import { spellings } from '../support/canary.ts';
import { echoServer, fingerprint, mcpSecret, mcpServer } from '../support/fixtures.ts';
import { install, systemNamespace, type Installation, type PortForward } from '../support/install.ts';
import { connectMcp, type McpSession } from '../support/mcp.ts';
import { runnerReady } from '../support/runner-ready.ts';
import { waitFor } from '../support/wait.ts';

const namespace = `e2e-${randomBytes(3).toString('hex')}`;
const token = () => `ghp_${randomBytes(16).toString('hex')}`;
const canaries: string[] = [];
let site: Installation;
let forwards: PortForward[] = [];
let github: McpSession;
let other: McpSession;

const apply = (object: object, ...flags: string[]) =>
  site.kubectl(['apply', ...flags, '-f', '-'], JSON.stringify(object));

/** Sets GITHUB_TOKEN to a new value and gives it. */
async function rotate(): Promise<string> {
  const value = token();
  canaries.push(value);
  await waitFor('the write to be accepted', () =>
    apply(mcpSecret(namespace, 'github', 'github', { GITHUB_TOKEN: value })).then(Boolean, () => false),
  );
  return value;
}

const arrives = (value: string) =>
  waitFor(
    'the tool to send the new value',
    async () => (await github.call('who_am_i')) === fingerprint(value),
    90_000,
  );

async function pods(): Promise<string> {
  const columns = 'custom-columns=U:.metadata.uid,R:.status.containerStatuses[*].restartCount';
  return site.kubectl([
    'get',
    'pods',
    '-n',
    namespace,
    '-l',
    'mcpcore.dev/server',
    '--no-headers',
    '-o',
    columns,
  ]);
}

beforeAll(async () => {
  site = await install();
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  for (const object of echoServer(namespace, site.image)) await apply(object);
  for (const name of ['github', 'other']) await apply(mcpServer(namespace, name));
  for (const name of ['github', 'other']) await runnerReady(site.kubectl, namespace, name, site.image);
  await site.kubectl(['rollout', 'status', '-n', namespace, 'deployment/echo', '--timeout=120s']);
  forwards = [
    await site.portForward(namespace, 'svc/mcp-github', 80),
    await site.portForward(namespace, 'svc/mcp-other', 80),
  ];
  github = await connectMcp(forwards[0]?.url ?? '');
  other = await connectMcp(forwards[1]?.url ?? '');
});

afterAll(async () => {
  await github?.close();
  await other?.close();
  for (const forward of forwards) await forward.close();
  await site?.kubectl(['delete', 'namespace', namespace, '--wait=false']);
  await site?.client.close();
});

describe('a tool', () => {
  it('reads a value and uses it in sdk.http', async () => {
    await arrives(await rotate());
  });

  it('sees a new value in its next call; a call under way keeps the old one; no pod is touched', async () => {
    const before = await pods();
    const old = canaries.at(-1) ?? '';
    const inFlight = github.call('who_am_i', { delay: 4000 });
    await arrives(await rotate());
    expect(await inFlight).toBe(fingerprint(old));
    expect(await pods()).toBe(before);
  });

  it('sees undefined after the key was deleted, and the value again after it was set', async () => {
    await apply(mcpSecret(namespace, 'github', 'github', {}));
    await waitFor('the key to be gone', async () => (await github.call('type_of_token')) === 'undefined');
    await arrives(await rotate());
  });

  it('of another server in the namespace sees undefined', async () => {
    expect(await other.call('type_of_token')).toBe('undefined');
  });

  it('finds nothing by enumeration', async () => {
    expect(await github.call('visible')).toBe('[[],{},"{}","undefined"]');
  });
});

describe('after a fault, a change arrives and tools go on meanwhile', () => {
  it('operator killed', async () => {
    const value = canaries.at(-1) ?? '';
    const selector = 'app.kubernetes.io/name=mcpcore';
    await site.kubectl([
      'delete',
      'pods',
      '-n',
      systemNamespace,
      '-l',
      selector,
      '--force',
      '--grace-period=0',
    ]);
    expect(await github.call('who_am_i')).toBe(fingerprint(value));
    await arrives(await rotate());
  });

  it('kube-apiserver killed and started again', async (context) => {
    if ((await currentCluster())?.kind !== 'local') context.skip('only the local node can be broken');
    const value = canaries.at(-1) ?? '';
    await killComponent('kube-apiserver');
    expect(await github.call('who_am_i').catch(() => fingerprint(value))).toBe(fingerprint(value));
    await startComponent('kube-apiserver');
    await reconnect();
    await arrives(await rotate());
  });

  it('stream cut without a word', async (context) => {
    if ((await currentCluster())?.kind !== 'local') context.skip('only the local node can be broken');
    const value = canaries.at(-1) ?? '';
    const cut = ['FORWARD', '-p', 'tcp', '--sport', '8444', '-j', 'DROP'];
    await runInClusterNetwork(['iptables', '-I', ...cut]);
    try {
      const before = Number(await revision());
      const next = await rotate();
      await waitFor('the new revision to be stored', async () => Number(await revision()) > before);
      // Far longer than a delivery takes, the tool goes on with the last value.
      for (let call = 0; call < 50; call += 1) expect(await github.call('who_am_i')).toBe(fingerprint(value));
      await runInClusterNetwork(['iptables', '-D', ...cut]);
      await arrives(next);
    } finally {
      await runInClusterNetwork(['iptables', '-D', ...cut]).catch(() => undefined);
    }
  });
});

/** Revision of the environment as stored. */
const revision = () =>
  site.kubectl(['get', 'mcpenv', 'github', '-n', namespace, '-o', 'jsonpath={.spec.revision}']);

/** A port-forward runs through the API server, and ends with it. */
async function reconnect(): Promise<void> {
  await github.close().catch(() => undefined);
  await forwards[0]?.close();
  const forward = await waitFor('a port-forward', () =>
    site.portForward(namespace, 'svc/mcp-github', 80).catch(() => undefined),
  );
  forwards[0] = forward;
  github = await connectMcp(forward.url);
}

describe('no value shows', () => {
  it('in objects, logs, files of etcd, environments or command lines of processes', async () => {
    const sinks = new Map<string, Buffer>();
    const kinds = 'mcpservers,mcpsecrets,mcpenvironments,pods,deployments,configmaps,events';
    const objects = await site.kubectl(['get', kinds, '-A', '-o', 'yaml', '--show-managed-fields']);
    sinks.set('objects', Buffer.from(objects));
    for (const [selector, where] of [
      ['app.kubernetes.io/name=mcpcore', systemNamespace],
      ['mcpcore.dev/server', namespace],
    ] as const) {
      const args = ['logs', '-n', where, '-l', selector, '--tail=-1', '--all-containers'];
      sinks.set(`logs of ${selector}`, Buffer.from(await site.kubectl(args)));
    }
    for (const name of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
      for (const file of ['environ', 'cmdline']) {
        const content = await readFile(`/proc/${name}/${file}`).catch(() => Buffer.alloc(0));
        sinks.set(`/proc/${name}/${file}`, content);
      }
    }
    for (const dir of ['etcd', 'logs', 'pod-logs']) {
      const found = await readdir(join(localDir, 'cluster', dir), {
        recursive: true,
        withFileTypes: true,
      }).catch(() => []);
      for (const entry of found.filter((item) => item.isFile())) {
        const path = join(entry.parentPath, entry.name);
        sinks.set(path, await readFile(path).catch(() => Buffer.alloc(0)));
      }
    }
    const leaks: string[] = [];
    for (const canary of canaries) {
      const forms = spellings(canary);
      for (const [sink, content] of sinks) {
        if (forms.some((form) => content.includes(form))) leaks.push(sink);
      }
    }
    expect(leaks).toEqual([]);
    expect(canaries.length).toBeGreaterThan(4);
  });
});
