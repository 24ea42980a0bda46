/** The reflector's copy is right after whatever happens to the API server and to the network, and tells it in order. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/api/object-meta.ts';
import { KubeClient } from '../../src/kube/client.ts';
import { objectKey, Reflector, type ReflectorOptions } from '../../src/kube/reflector.ts';
import { configMaps } from '../../src/kube/resources.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { startFaultProxy, startTcpProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { keptLog } from '../support/kept-log.ts';
import { waitFor } from '../support/wait.ts';

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

let plane: ControlPlane;
/** Goes to the API server directly. */
let direct: KubeClient;
let proxy: FaultProxy;
/** Goes through the proxy. */
let proxied: KubeClient;
const ends: AbortController[] = [];

beforeAll(async () => {
  plane = await startControlPlane();
  direct = KubeClient.fromKubeconfig(plane.kubeconfig);
  proxy = await startFaultProxy(plane);
  proxied = KubeClient.fromKubeconfig(proxy.kubeconfig);
});

afterEach(() => {
  for (const end of ends.splice(0)) end.abort();
  proxy.fault = () => undefined;
  proxy.line = (line) => line;
});

afterAll(async () => {
  await proxied?.close();
  await direct?.close();
  await proxy?.close();
  await plane?.stop();
});

let count = 0;

/** A reflector of ConfigMaps of a label of its own, and what it told, replayed and checked step by step. */
function givenReflector(client: KubeClient, options: Partial<ReflectorOptions<ConfigMap>> = {}) {
  const label = `case-${(count += 1)}`;
  const replayed = new Map<string, string>();
  const problems: string[] = [];
  const log = keptLog();
  let missed = 0;
  let told = 0;
  const reflector = new Reflector<ConfigMap>({
    client,
    resource: configMaps,
    namespace: 'default',
    labelSelector: `case=${label}`,
    log,
    onMissed: (number) => (missed += number),
    onChange: (key, now, before) => {
      told += 1;
      const held = replayed.get(key);
      const next = now?.metadata.resourceVersion;
      if (held !== before?.metadata.resourceVersion) problems.push(`${key}: told from a state never told`);
      if (next !== undefined && Number(next) <= Number(held ?? 0))
        problems.push(`${key}: back from ${held} to ${next}`);
      if (next === undefined) replayed.delete(key);
      else replayed.set(key, next);
    },
    ...options,
  });
  const end = new AbortController();
  ends.push(end);
  const stored = async (): Promise<Map<string, string>> => {
    const { items } = await direct.list<ConfigMap>(configMaps, {
      namespace: 'default',
      labelSelector: `case=${label}`,
    });
    return new Map(items.map((item) => [objectKey(item), item.metadata.resourceVersion ?? '']));
  };
  const isCurrent = async (): Promise<boolean> => {
    const wanted = await stored();
    const held = new Map(
      [...reflector.list()].map((item) => [objectKey(item), item.metadata.resourceVersion]),
    );
    const same = (map: Map<string, string | undefined>) =>
      map.size === wanted.size && [...wanted].every(([key, version]) => map.get(key) === version);
    return same(held) && same(replayed);
  };
  return {
    reflector,
    log,
    end,
    problems,
    told: () => told,
    missed: () => missed,
    write: (name: string, data: Record<string, string> = {}) =>
      direct.apply(configMaps, object(name, label, data)),
    remove: (name: string) => direct.delete(configMaps, `${label}-${name}`, 'default'),
    /** Waits until the copy, and what was told, are what the API server holds. */
    converged: async () => {
      await waitFor(`${label} to be current`, isCurrent);
      expect(problems).toEqual([]);
    },
    get: (name: string) => reflector.get(`default/${label}-${name}`),
  };
}

function object(name: string, label: string, data: Record<string, string>): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `${label}-${name}`, namespace: 'default', labels: { case: label } },
    data,
  };
}

/** Tries until it works: for writes while the API server is away. */
async function persist(work: () => Promise<unknown>): Promise<void> {
  await waitFor('the API server', () =>
    work().then(
      () => true,
      () => false,
    ),
  );
}

describe('a reflector', () => {
  it('lists, follows, and drops managed fields', async () => {
    const given = givenReflector(direct);
    await given.write('a');
    given.reflector.start(given.end.signal);
    await given.reflector.synced();
    expect(given.reflector.hasSynced).toBe(true);
    expect(given.get('a')).toBeDefined();
    await given.write('b', { A: '1' });
    await given.write('b', { A: '2' });
    await given.remove('a');
    await given.converged();
    expect(given.get('b')?.data).toEqual({ A: '2' });
    expect(given.get('b')?.metadata).not.toHaveProperty('managedFields');
  });

  it('keeps only what the transform leaves', async () => {
    const given = givenReflector(direct, {
      transform: ({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata }),
    });
    given.reflector.start(given.end.signal);
    await given.write('a', { LARGE: 'x' });
    await given.converged();
    expect(given.get('a')).not.toHaveProperty('data');
  });

  it('goes on after a handler that throws, and says so in the log', async () => {
    const seen: string[] = [];
    const given = givenReflector(direct, {
      onChange: (key) => {
        seen.push(key);
        throw new Error('a mistake');
      },
    });
    given.reflector.start(given.end.signal);
    await given.write('a');
    await given.write('b');
    await waitFor('both', () => new Set(seen).size === 2);
    expect(given.log.lines.filter(({ level }) => level === 'error')).toHaveLength(seen.length);
  });
});

describe('an API server that is killed and comes back', () => {
  it('loses nothing that was written before, meanwhile and after', async () => {
    const given = givenReflector(direct);
    given.reflector.start(given.end.signal);
    await given.reflector.synced();
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let i = 0; i < 60; i += 1) {
        const name = `${writer}-${i % 20}`;
        await persist(() => (i % 7 === 6 ? given.remove(name) : given.write(name, { I: String(i) })));
      }
    });
    await waitFor('some changes', () => given.told() > 20);
    await plane.killApiServer();
    await plane.startApiServer();
    await Promise.all(writers);
    await given.converged();
    expect(given.missed()).toBe(0);
  });
});

describe('a version that the server no longer knows', () => {
  it('leads to a list, which finds what was deleted meanwhile', async () => {
    const given = givenReflector(proxied);
    for (const name of ['stays', 'changes', 'goes']) await given.write(name);
    given.reflector.start(given.end.signal);
    await given.converged();
    proxy.fault = () => 'cut';
    proxy.cut();
    await given.remove('goes');
    await given.write('changes', { NEW: 'yes' });
    await given.write('comes');
    // Its cache of changes begins anew with the process, after the version that the reflector has.
    await plane.killApiServer();
    await plane.startApiServer();
    proxy.fault = () => undefined;
    await given.converged();
    expect(given.get('goes')).toBeUndefined();
    const expired = given.log.lines.filter(({ message }) => message === 'listing again');
    expect(expired.map(({ fields }) => String(fields['error'])).join()).toContain('410 Expired');
  });

  it('is noticed within a watch, too', async () => {
    const given = givenReflector(proxied);
    given.reflector.start(given.end.signal);
    await given.reflector.synced();
    await waitFor('the watch', () => proxy.watches === 1);
    const lists = () => proxy.seen.filter(({ isWatch, method }) => method === 'GET' && !isWatch).length;
    const before = lists();
    proxy.inject(JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }));
    await waitFor('a list', () => lists() > before);
    await given.write('after');
    await given.converged();
  });

  it('is given up at the next list when it lies in the future, as after a restored backup', async () => {
    const given = givenReflector(proxied, { relistMs: 2000 });
    given.reflector.start(given.end.signal);
    await given.reflector.synced();
    await waitFor('the watch', () => proxy.watches === 1);
    const bookmark = {
      type: 'BOOKMARK',
      object: { kind: 'ConfigMap', metadata: { resourceVersion: '999999999' } },
    };
    proxy.inject(JSON.stringify(bookmark));
    await new Promise((resolve) => setImmediate(resolve));
    proxy.cut();
    await given.write('after');
    await given.converged();
  });
});

describe('a network that fails', () => {
  it('is survived: streams cut again and again under load', async () => {
    const given = givenReflector(proxied);
    given.reflector.start(given.end.signal);
    await given.reflector.synced();
    for (let round = 0; round < 5; round += 1) {
      const before = given.told();
      for (let i = 0; i < 20; i += 1) await given.write(`${i}`, { ROUND: String(round), I: String(i) });
      await waitFor('part of it', () => given.told() > before);
      proxy.cut();
    }
    await given.remove('0');
    await given.converged();
  });

  it.each([
    ['429', { status: 429, headers: { 'retry-after': '0.01' } }],
    ['500', { status: 500, body: 'no' }],
    ['503 without a body', { status: 503 }],
    ['200 that is no JSON', { status: 200, body: '<html>\n' }],
    ['200 and nothing', { status: 200 }],
    ['cut connections', 'cut' as const],
  ])('is survived: %s for lists and watches', async (_, fault) => {
    const given = givenReflector(proxied);
    proxy.fault = () => fault;
    const before = proxy.seen.length;
    given.reflector.start(given.end.signal);
    await waitFor('two tries', () => proxy.seen.length >= before + 2);
    proxy.fault = ({ isWatch }) => (isWatch ? fault : undefined);
    await given.reflector.synced();
    await waitFor('a watch that fails', () => proxy.seen.at(-1)?.isWatch);
    proxy.fault = () => undefined;
    await given.write('after');
    await given.converged();
  });

  it('is survived: a line that is broken', async () => {
    const given = givenReflector(proxied);
    let broken = 0;
    proxy.line = (line) => (line.includes('"ADDED"') && (broken += 1) === 1 ? line.slice(0, -9) : line);
    given.reflector.start(given.end.signal);
    await given.reflector.synced();
    await given.write('after', { VALUE: 'opensesame' });
    await given.converged();
    expect(broken).toBeGreaterThan(1);
    expect(JSON.stringify(given.log.lines)).not.toContain('opensesame');
  });

  it('does not lead to a storm of requests: a watch that ends at once is tried with back-off', async () => {
    const given = givenReflector(proxied);
    proxy.fault = ({ isWatch }) => (isWatch ? { status: 200 } : undefined);
    given.reflector.start(given.end.signal);
    await waitFor('three tries', () => given.log.lines.length >= 3);
    const waits = given.log.lines.map(({ fields }) => Number(fields['retryInMs']));
    expect(waits[0]).toBeGreaterThanOrEqual(400);
    expect(waits[2]).toBeGreaterThanOrEqual(1600);
    expect(
      proxy.seen.filter(
        ({ isWatch, query }) => isWatch && query.get('labelSelector')?.includes(`case-${count}`),
      ).length,
    ).toBeLessThan(6);
  });
});

describe('a connection that says nothing', () => {
  it('is given up by the watch', async () => {
    const given = givenReflector(proxied, { silenceMs: 1000 });
    given.reflector.start(given.end.signal);
    await given.reflector.synced();
    await waitFor('the watch', () => proxy.watches > 0);
    proxy.stall();
    await given.write('unheard');
    await given.converged();
  });

  it('is given up when packets go nowhere, both ways', async () => {
    const tcp = await startTcpProxy(plane);
    const client = KubeClient.fromKubeconfig(tcp.kubeconfig);
    const given = givenReflector(client, { silenceMs: 1000 });
    given.reflector.start(given.end.signal);
    await given.write('before');
    await given.converged();
    tcp.freeze();
    await given.write('unheard');
    await given.converged();
    given.end.abort();
    await client.close();
    await tcp.close();
  });
});

describe('the periodic list', () => {
  it('finds what the watch did not tell, and counts it', async () => {
    const given = givenReflector(proxied, { relistMs: 1500 });
    await given.write('goes');
    // What speaks of these two never arrives; their versions come with what happens later.
    proxy.line = (line) => (/case-\d+-(hidden|goes)"/.test(line) ? undefined : line);
    given.reflector.start(given.end.signal);
    await given.reflector.synced();
    await waitFor('the watch', () => proxy.watches > 0);
    await given.write('hidden');
    await given.remove('goes');
    await given.write('told');
    await waitFor('the change that is told', () => given.get('told'));
    await given.converged();
    expect(given.missed()).toBe(2);
  });

  it('does not take for missed what is only new', async () => {
    const given = givenReflector(proxied, { relistMs: 300 });
    given.reflector.start(given.end.signal);
    await given.reflector.synced();
    const checks = () =>
      proxy.seen.filter(({ query }) => query.get('resourceVersionMatch') === 'Exact').length;
    const before = checks();
    for (let i = 0; checks() < before + 3; i += 1) await given.write(`${i % 10}`, { I: String(i) });
    await given.converged();
    expect(given.missed()).toBe(0);
  });
});

describe('the end', () => {
  it('comes at once: a list that was under way changes nothing any more', async () => {
    const given = givenReflector(proxied);
    await given.write('a');
    const { promise: release, resolve } = Promise.withResolvers<undefined>();
    const asked = Promise.withResolvers<void>();
    proxy.fault = () => {
      asked.resolve();
      return release;
    };
    given.reflector.start(given.end.signal);
    await asked.promise;
    const synced = given.reflector.synced();
    given.end.abort(new Error('stopped'));
    resolve(undefined);
    await expect(synced).rejects.toThrow('stopped');
    // By the end of later requests on the same way the list would be here.
    for (let i = 0; i < 3; i += 1) await proxied.list(configMaps, { namespace: 'default' });
    expect(given.told()).toBe(0);
    expect(given.reflector.hasSynced).toBe(false);
  });

  it('closes the watch', async () => {
    const given = givenReflector(proxied);
    given.reflector.start(given.end.signal);
    await given.reflector.synced();
    await waitFor('the watch', () => proxy.watches === 1);
    given.end.abort();
    await waitFor('no watch', () => proxy.watches === 0);
  });

  it('and another beginning never leave two watches', async () => {
    const given = givenReflector(proxied);
    await waitFor('no watch', () => proxy.watches === 0);
    const signals = Array.from({ length: 5 }, () => new AbortController());
    for (const [i, { signal }] of signals.entries()) {
      given.reflector.start(signal);
      if (i % 2 === 0) signals[i]?.abort();
    }
    given.reflector.start(given.end.signal);
    await given.write('a');
    await given.converged();
    await waitFor('one watch', () => proxy.watches === 1);
    const before = given.told();
    await given.write('b');
    await given.converged();
    expect(given.told()).toBe(before + 1);
    expect(proxy.watches).toBe(1);
  });
});
