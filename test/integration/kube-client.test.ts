/** The client's verbs, limits and failures against a real API server. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/api/object-meta.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { EventRecorder } from '../../src/kube/events.ts';
import { configMaps, events, mcpServers, secrets } from '../../src/kube/resources.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { plainKubeconfig, startFaultProxy, startTcpProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { keptLog } from '../support/kept-log.ts';
import { waitFor } from '../support/wait.ts';

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
  immutable?: boolean;
}

let plane: ControlPlane;
let client: KubeClient;
let proxy: FaultProxy;
let proxied: KubeClient;

beforeAll(async () => {
  plane = await startControlPlane();
  await plane.installCrds();
  client = KubeClient.fromKubeconfig(plane.kubeconfig);
  proxy = await startFaultProxy(plane);
  proxied = KubeClient.fromKubeconfig(proxy.kubeconfig);
});

afterAll(async () => {
  await proxied?.close();
  await proxy?.close();
  await client?.close();
  await plane?.stop();
});

let count = 0;

function configMap(data: Record<string, string> = {}, name = `map-${(count += 1)}`): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data };
}

/** What a promise is rejected with. */
async function failureOf(promise: Promise<unknown>): Promise<KubeError> {
  const outcome = await promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(KubeError);
  return outcome as KubeError;
}

describe('objects', () => {
  it('are created, read, listed and deleted; absence is no failure', async () => {
    const made = await client.create(configMaps, configMap({ A: '1' }));
    expect((await client.get<ConfigMap>(configMaps, made.metadata.name, 'default'))?.data).toEqual({
      A: '1',
    });
    await client.delete(configMaps, made.metadata.name, 'default');
    await client.delete(configMaps, made.metadata.name, 'default');
    expect(await client.get(configMaps, made.metadata.name, 'default')).toBeUndefined();
  });

  it('are not stored by a dry run', async () => {
    const object = configMap();
    await client.create(configMaps, object, { dryRun: true });
    expect(await client.get(configMaps, object.metadata.name, 'default')).toBeUndefined();
  });

  it('are replaced only in the version that was read', async () => {
    const old = await client.create(configMaps, configMap());
    await client.replace(configMaps, { ...old, data: { BY: 'first' } });
    const error = await failureOf(client.replace(configMaps, { ...old, data: { BY: 'second' } }));
    expect(error).toMatchObject({ httpStatus: 409, reason: 'Conflict' });
    expect(error.message).toContain('the object has been modified');
  });

  it('are deleted only if they are the ones meant', async () => {
    const { metadata } = await client.create(configMaps, configMap());
    const other = { preconditions: { uid: '00000000-0000-0000-0000-000000000000' } };
    const error = await failureOf(client.delete(configMaps, metadata.name, 'default', other));
    expect(error.reason).toBe('Conflict');
    const { uid = '', resourceVersion = '' } = metadata;
    await client.delete(configMaps, metadata.name, 'default', { preconditions: { uid, resourceVersion } });
    expect(await client.get(configMaps, metadata.name, 'default')).toBeUndefined();
  });

  it('are listed in pages, all of them, by selector', async () => {
    const objects = Array.from({ length: 1001 }, (_, i) => {
      const object = configMap({}, `page-${i}`);
      object.metadata.labels = { paged: 'yes' };
      return object;
    });
    for (let i = 0; i < objects.length; i += 50) {
      await Promise.all(objects.slice(i, i + 50).map((object) => client.create(configMaps, object)));
    }
    const before = proxy.seen.length;
    const { items } = await proxied.list(configMaps, { namespace: 'default', labelSelector: 'paged=yes' });
    expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBe(1001);
    expect(proxy.seen.slice(before).map(({ query }) => query.get('limit'))).toEqual(['500', '500', '500']);
  });

  it('are listed in one piece when the pages expire under way', async () => {
    const expired = {
      kind: 'Status',
      code: 410,
      reason: 'Expired',
      message: 'The provided continue parameter is too old',
    };
    proxy.fault = ({ query }) =>
      query.has('continue') ? { status: 410, body: JSON.stringify(expired) } : undefined;
    const { items } = await proxied.list(configMaps, { namespace: 'default', labelSelector: 'paged=yes' });
    proxy.fault = () => undefined;
    expect(items).toHaveLength(1001);
  });
});

describe('changes', () => {
  it('are applied by the server under our name; forced over others unless told', async () => {
    const object = configMap({ A: 'ours' });
    await client.apply(configMaps, object);
    const { metadata } = (await client.get<ConfigMap>(configMaps, object.metadata.name, 'default'))!;
    const [entry] =
      (metadata as { managedFields?: { manager: string; operation: string }[] }).managedFields ?? [];
    expect(entry).toMatchObject({ manager: 'mcpcore', operation: 'Apply' });

    const theirs = configMap({ A: 'theirs' }, object.metadata.name);
    const options = { fieldManager: 'other', force: false };
    expect((await failureOf(client.apply(configMaps, theirs, options))).httpStatus).toBe(409);
    const taken = await client.apply<ConfigMap>(configMaps, theirs, { fieldManager: 'other' });
    expect(taken.data).toEqual({ A: 'theirs' });
  });

  it('go away when they are applied no more', async () => {
    const object = configMap({ A: '1', B: '2' });
    await client.apply(configMaps, object);
    const left = await client.apply<ConfigMap>(configMaps, { ...object, data: { B: '2' } });
    expect(left.data).toEqual({ B: '2' });
  });

  it('are merged, and removed by null', async () => {
    const { metadata } = await client.create(configMaps, configMap({ A: '1', B: '2' }));
    const patch = { data: { A: null, C: '3' } };
    const merged = await client.patch<ConfigMap>(configMaps, metadata.name, 'default', patch, 'merge');
    expect(merged.data).toEqual({ B: '2', C: '3' });
  });

  it('are made by JSON patch, tests included', async () => {
    const { metadata } = await client.create(configMaps, configMap({ A: '1' }));
    const patch = (from: string) => [
      { op: 'test', path: '/data/A', value: from },
      { op: 'replace', path: '/data/A', value: '2' },
    ];
    const patched = await client.patch<ConfigMap>(configMaps, metadata.name, 'default', patch('1'), 'json');
    expect(patched.data).toEqual({ A: '2' });
    const failed = await failureOf(client.patch(configMaps, metadata.name, 'default', patch('1'), 'json'));
    expect(failed.httpStatus).toBe(422);
  });

  it('of the status leave the specification alone', async () => {
    const server = (spec: object, status: object): KubeObject & { spec?: object; status?: object } => ({
      apiVersion: 'mcpcore.dev/v1alpha1',
      kind: 'McpServer',
      metadata: { name: 'status', namespace: 'default' },
      spec,
      status,
    });
    await client.apply(mcpServers, server({ replicas: 1 }, { revision: 1 }));
    const applied = await client.apply(mcpServers, server({ replicas: 5 }, { revision: 7 }), {
      subresource: 'status',
    });
    expect(applied).toMatchObject({ spec: { replicas: 1 }, status: { revision: 7 } });
    const patched = await client.patch(mcpServers, 'status', 'default', { status: { keys: 3 } }, 'merge', {
      subresource: 'status',
    });
    expect(patched).toMatchObject({ spec: { replicas: 1 }, status: { keys: 3 } });
  });
});

describe('a failure', () => {
  it('never repeats what was sent', async () => {
    const value = 'opensesame-7331';
    const bad = [
      { ...configMap(), data: { A: { nested: value } } },
      { ...configMap(), kind: value },
      { ...configMap(), metadata: { name: 'x', namespace: 'default', labels: { l: `${value}!` } } },
      { ...configMap(), metadata: { name: 'x', namespace: 'default', finalizers: [value] } },
    ];
    for (const object of bad) {
      const error = await failureOf(client.create(configMaps, object as unknown as ConfigMap));
      expect(inspect(error, { depth: 9 })).not.toContain(value);
    }
    const sealed = {
      apiVersion: 'mcpcore.dev/v1alpha1',
      kind: 'McpSecret',
      metadata: { name: 'p', namespace: 'default' },
    };
    const plain = { ...sealed, spec: { server: 'tools', values: { TOKEN: value } } };
    const refused = await failureOf(
      client.create({ apiVersion: 'mcpcore.dev/v1alpha1', plural: 'mcpsecrets' }, plain as KubeObject),
    );
    expect(inspect(refused, { depth: 9 })).not.toContain(value);
    expect(refused.message).toContain('Invalid: spec.values');
  });

  it('says who may not do what', async () => {
    const visitor = KubeClient.fromKubeconfig(await plane.kubeconfigFor('visitor'));
    const error = await failureOf(visitor.list(secrets));
    expect(error.message).toContain('User "visitor" cannot list resource "secrets"');
    await visitor.close();
  });

  it('of an answer that is no JSON does not repeat it', async () => {
    proxy.fault = () => ({ status: 200, body: '{"data":{"key":"opensesame' });
    const error = await failureOf(proxied.list(secrets));
    proxy.fault = () => undefined;
    expect(error.reason).toBe('MalformedAnswer');
    expect(inspect(error, { depth: 9 })).not.toContain('opensesame');
  });

  it.each([
    ['is cut', 'cut' as const],
    ['is refused', undefined],
  ])('of a connection that %s is a KubeError too', async (_, fault) => {
    proxy.fault = () => fault;
    const nowhere = join(plane.dir, 'nowhere');
    writeFileSync(nowhere, plainKubeconfig('http://127.0.0.1:1'));
    const asked = fault ? proxied : KubeClient.fromKubeconfig(nowhere);
    const error = await failureOf(asked.get(configMaps, 'a', 'default'));
    proxy.fault = () => undefined;
    expect(error).toMatchObject({ httpStatus: 0, reason: 'ConnectionFailed' });
    if (!fault) await asked.close();
  });
});

describe('a server that is busy', () => {
  it('is asked again after 429 when it said so, up to a limit', async () => {
    let refused = 0;
    proxy.fault = () =>
      (refused += 1) <= 2 ? { status: 429, headers: { 'retry-after': '0.01' } } : undefined;
    await expect(proxied.create(configMaps, configMap())).resolves.toBeDefined();
    expect(refused).toBe(3);

    refused = 0;
    proxy.fault = () =>
      (refused += 1) > 0 ? { status: 429, headers: { 'retry-after': '0.01' } } : undefined;
    expect((await failureOf(proxied.list(configMaps))).httpStatus).toBe(429);
    proxy.fault = () => undefined;
    expect(refused).toBe(4);
  });

  it('is not asked again after 500', async () => {
    let asked = 0;
    proxy.fault = () => {
      asked += 1;
      return { status: 500, body: 'opensesame' };
    };
    const error = await failureOf(proxied.list(configMaps));
    proxy.fault = () => undefined;
    expect(asked).toBe(1);
    expect(error.message).not.toContain('opensesame');
  });
});

describe('connections', () => {
  it('are kept: 50 requests one after the other take two at most, any number at once no more than the pool', async () => {
    const counting = await startTcpProxy(plane);
    const asker = KubeClient.fromKubeconfig(counting.kubeconfig);
    const ask = () => asker.get(configMaps, 'none', 'default');
    for (let i = 0; i < 50; i += 1) await ask();
    // The second, when a request begins before the end of the last answer was read.
    expect(counting.connections).toBeLessThanOrEqual(2);
    await Promise.all(Array.from({ length: 200 }, ask));
    for (let i = 0; i < 50; i += 1) await ask();
    expect(counting.connections).toBeLessThanOrEqual(64);
    await asker.close();
    await counting.close();
  });
});

describe('credentials', () => {
  const whoAmI = async (asker: KubeClient): Promise<string> => {
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const answer = await asker.raw('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', review);
    return (answer as { status: { userInfo: { username: string } } }).status.userInfo.username;
  };

  it('are read again once when the server refuses them', async () => {
    const account = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'reader', namespace: 'default' },
    };
    await client.create({ apiVersion: 'v1', plural: 'serviceaccounts' }, account);
    const path = '/api/v1/namespaces/default/serviceaccounts/reader/token';
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
    const { status } = (await client.raw('POST', path, request)) as { status: { token: string } };

    const tokenFile = join(plane.dir, 'token');
    const config = join(plane.dir, 'kubeconfig-token');
    const user = { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } };
    writeFileSync(config, plainKubeconfig(plane.url, user));
    writeFileSync(tokenFile, 'expired');
    const reader = KubeClient.fromKubeconfig(config);
    expect(await failureOf(whoAmI(reader))).toMatchObject({ httpStatus: 401, reason: 'Unauthorized' });
    writeFileSync(tokenFile, `${status.token}\n`);
    expect(await whoAmI(reader)).toBe('system:serviceaccount:default:reader');
    await reader.close();
  });

  it('of a plugin are used, and what a broken one prints is not repeated', async () => {
    const plugin = (text: string) => ({
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: 'echo',
        args: [text],
        interactiveMode: 'Never',
      },
    });
    const config = join(plane.dir, 'kubeconfig-exec');
    writeFileSync(config, plainKubeconfig(proxyUrl(), plugin('{"status":{"token":"from-plugin"}}')));
    proxy.fault = () => ({ status: 200, body: '{}' });
    const asker = KubeClient.fromKubeconfig(config);
    await asker.raw('GET', '/version');
    proxy.fault = () => undefined;
    expect(proxy.seen.at(-1)?.headers.authorization).toBe('Bearer from-plugin');
    await asker.close();

    writeFileSync(config, plainKubeconfig(proxyUrl(), plugin('opensesame')));
    const broken = KubeClient.fromKubeconfig(config);
    const error = await failureOf(broken.raw('GET', '/version'));
    expect(error.reason).toBe('CredentialsFailed');
    expect(inspect(error, { depth: 9 })).not.toContain('opensesame');
    await broken.close();
  });

  it('include impersonation: kubectl would act as that user too', async () => {
    const config = join(plane.dir, 'kubeconfig-as');
    const text = readFileSync(plane.kubeconfig, 'utf8');
    const as = text.replace('"client-certificate-data":', '"as": "somebody", $&');
    expect(as).not.toBe(text);
    writeFileSync(config, as);
    const asker = KubeClient.fromKubeconfig(config);
    expect(await whoAmI(asker)).toBe('somebody');
    await asker.close();
  });

  it('by certificate are replaced without a restart', async () => {
    const file = (name: string) => join(plane.dir, `renewed-${name}`);
    const renew = async (user: string): Promise<void> => {
      const text = readFileSync(await plane.kubeconfigFor(user), 'utf8');
      for (const name of ['client-certificate', 'client-key']) {
        const [, data = ''] = new RegExp(`${name}-data": "([^"]+)`).exec(text) ?? [];
        writeFileSync(file(name), Buffer.from(data, 'base64'));
      }
    };
    const config = file('kubeconfig');
    const user = { 'client-certificate': file('client-certificate'), 'client-key': file('client-key') };
    writeFileSync(config, plainKubeconfig(plane.url, user));
    await renew('before');
    const asker = KubeClient.fromKubeconfig(config);
    expect(await whoAmI(asker)).toBe('before');
    await renew('after');
    expect(await whoAmI(asker)).toBe('after');
    await asker.close();
  });

  const proxyUrl = () => /server: (\S+)/.exec(readFileSync(proxy.kubeconfig, 'utf8'))?.[1] ?? '';
});

describe('Events', () => {
  interface Event extends KubeObject {
    reason: string;
    note: string;
    series?: { count: number };
    regarding: { name: string };
  }

  it('are recorded once, and what happens again is counted', async () => {
    const log = keptLog();
    const recorder = new EventRecorder(client, 'test', 'pod-1', log, { seriesWriteMs: 10 });
    const object = await client.create(configMaps, configMap());
    for (let i = 0; i < 5; i += 1) recorder.event(object, 'Warning', 'KeyConflict', 'the same again');
    recorder.event(object, 'Normal', 'Other', 'something else');
    const found = await waitFor('the count', async () => {
      const { items } = await client.list<Event>(events, { namespace: 'default' });
      const mine = items.filter(({ regarding }) => regarding.name === object.metadata.name);
      return mine.length === 2 && mine.some(({ series }) => series?.count === 5) ? mine : undefined;
    });
    expect(found.map(({ reason }) => reason).toSorted()).toEqual(['KeyConflict', 'Other']);
    expect(log.lines).toEqual([]);
  });

  it('take notes that are too long in any script, and objects without a namespace', async () => {
    const log = keptLog();
    const recorder = new EventRecorder(client, 'test', 'pod-1', log);
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'far-away' } };
    recorder.event(node, 'Normal', 'Long', 'ключ 🔑 '.repeat(300));
    await waitFor('the Event', async () => {
      expect(log.lines).toEqual([]);
      const { items } = await client.list<Event>(events, { namespace: 'default' });
      return items.some(({ regarding, note }) => regarding.name === 'far-away' && note.startsWith('ключ 🔑'));
    });
  });

  it('that cannot be recorded are told in the log and nowhere else', async () => {
    const log = keptLog();
    const recorder = new EventRecorder(client, 'test', 'pod-1', log);
    recorder.event(configMap(), 'Normal', 'not/valid '.repeat(50), 'x');
    await waitFor('the warning', () => log.lines.some(({ level }) => level === 'warn'));
  });
});
