/** At most one leads, at any time; another takes over when it dies, and soon when it goes. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { KubeClient } from '../../src/kube/client.ts';
import { LeaderElector, type Lease } from '../../src/kube/lease.ts';
import { leases } from '../../src/kube/resources.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { keptLog } from '../support/kept-log.ts';
import { waitFor } from '../support/wait.ts';

let plane: ControlPlane;
let client: KubeClient;
let proxy: FaultProxy;
let proxied: KubeClient;
const running: { end: AbortController; done: Promise<void> }[] = [];

beforeAll(async () => {
  plane = await startControlPlane();
  client = KubeClient.fromKubeconfig(plane.kubeconfig);
  proxy = await startFaultProxy(plane);
  proxied = KubeClient.fromKubeconfig(proxy.kubeconfig);
});

afterEach(async () => {
  proxy.fault = () => undefined;
  for (const { end } of running) end.abort();
  await Promise.all(running.splice(0).map(({ done }) => done));
});

afterAll(async () => {
  await proxied?.close();
  await client?.close();
  await proxy?.close();
  await plane?.stop();
});

const quick = { leaseDurationMs: 3000, renewDeadlineMs: 1500, retryPeriodMs: 100 };

/** Everybody's terms, in the order in which they began and ended. */
type History = string[];

function elect(using: KubeClient, name: string, identity: string, history: History, timing = quick) {
  const end = new AbortController();
  const elector = new LeaderElector({
    client: using,
    namespace: 'default',
    name,
    identity,
    log: keptLog(),
    onStartedLeading: (signal) => {
      history.push(`${identity} begins`);
      signal.addEventListener('abort', () => history.push(`${identity} ends`));
    },
    ...timing,
  });
  const done = elector.run(end.signal);
  running.push({ end, done });
  return { elector, end, done };
}

const holder = async (name: string) =>
  (await client.get<Lease>(leases, name, 'default'))?.spec.holderIdentity;

describe('of several', () => {
  it('one leads, and the lease says who', async () => {
    const history: History = [];
    const electors = ['a', 'b', 'c'].map((identity) => elect(client, 'several', identity, history));
    await waitFor('a leader', () => electors.some(({ elector }) => elector.isLeader));
    const renewals = async () => (await client.get<Lease>(leases, 'several', 'default'))?.spec.renewTime;
    const first = await renewals();
    await waitFor('a renewal', async () => (await renewals()) !== first);
    expect(electors.filter(({ elector }) => elector.isLeader)).toHaveLength(1);
    expect(history).toEqual([`${await holder('several')} begins`]);
  });
});

describe('a leader that goes', () => {
  it('gives the lease back: the next need not wait for it to run out', async () => {
    // A lease of an hour: only its return lets another lead within this test's time.
    const timing = { leaseDurationMs: 3_600_000, renewDeadlineMs: 1_800_000, retryPeriodMs: 100 };
    const history: History = [];
    const first = elect(client, 'goes', 'a', history, timing);
    await waitFor('the first', () => first.elector.isLeader);
    const second = elect(client, 'goes', 'b', history, timing);
    first.end.abort();
    await first.done;
    await waitFor('the second', () => second.elector.isLeader);
    expect(history).toEqual(['a begins', 'a ends', 'b begins']);
    expect((await client.get<Lease>(leases, 'goes', 'default'))?.spec.leaseTransitions).toBe(1);
  });
});

describe('a leader that is cut off', () => {
  it.each(['hang', 'cut'] as const)(
    'ends its term before the next begins, when requests %s',
    async (fault) => {
      const name = `cut-off-${fault}`;
      const history: History = [];
      const first = elect(proxied, name, 'a', history);
      await waitFor('the first', () => first.elector.isLeader);
      const second = elect(client, name, 'b', history);
      proxy.fault = () => fault;
      if (fault === 'cut') proxy.cut();
      await waitFor('the second', () => second.elector.isLeader);
      expect(history).toEqual(['a begins', 'a ends', 'b begins']);
      proxy.fault = () => undefined;
      proxy.cut();
      const asked = proxy.seen.length;
      await waitFor('the first to look again', () => proxy.seen.length > asked + 1);
      expect(first.elector.isLeader).toBe(false);
      expect(await holder(name)).toBe('b');
    },
  );

  it('leads no more once it sees that another holds the lease', async () => {
    const history: History = [];
    // It could go on for an hour by its own clock.
    const timing = { leaseDurationMs: 7_200_000, renewDeadlineMs: 3_600_000, retryPeriodMs: 50 };
    const first = elect(client, 'robbed', 'a', history, timing);
    await waitFor('the first', () => first.elector.isLeader);
    const spec = { holderIdentity: 'b', renewTime: new Date().toISOString().replace('Z', '000Z') };
    await client.patch(leases, 'robbed', 'default', { spec }, 'merge');
    await waitFor('the end', () => !first.elector.isLeader);
    expect(history).toEqual(['a begins', 'a ends']);
  });
});
