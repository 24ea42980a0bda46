/** Leader election on a Lease, with the timing of client-go's leaderelection; the lease is given back on shutdown. */
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../api/object-meta.ts';
import type { KubeClient } from './client.ts';
import { errorFields, type Log } from './log.ts';
import { leases } from './resources.ts';

interface Lease extends KubeObject {
  spec: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

export interface LeaderElectorOptions {
  client: KubeClient;
  namespace: string;
  name: string;
  /** Unique per replica. */
  identity: string;
  log: Log;
  /** Starts leading; the signal aborts when the lease is lost. */
  onStartedLeading: (signal: AbortSignal) => void;
  leaseDurationMs?: number;
  renewDeadlineMs?: number;
  retryPeriodMs?: number;
}

export class LeaderElector {
  readonly #options: Required<LeaderElectorOptions>;
  #leading: AbortController | undefined;
  /** What was last seen, by this clock: clocks of replicas need not agree. */
  #observed = { renewTime: '', at: 0 };

  constructor(options: LeaderElectorOptions) {
    this.#options = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000, ...options };
  }

  get isLeader(): boolean {
    return this.#leading !== undefined;
  }

  /** Takes part until the signal aborts; then stops leading and gives the lease back. */
  async run(signal: AbortSignal): Promise<void> {
    let renewedAt = 0;
    while (!signal.aborted) {
      if (await this.#tryAcquire()) {
        renewedAt = Date.now();
        this.#start();
      } else if (this.#leading && Date.now() - renewedAt > this.#options.renewDeadlineMs) {
        this.#stop();
      }
      const pause = this.#options.retryPeriodMs * (0.8 + 0.4 * Math.random());
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
    const wasLeader = this.#leading !== undefined;
    this.#stop();
    if (wasLeader) await this.#release();
  }

  #start(): void {
    if (this.#leading) return;
    this.#leading = new AbortController();
    this.#options.log.info({ identity: this.#options.identity }, 'leading');
    this.#options.onStartedLeading(this.#leading.signal);
  }

  #stop(): void {
    if (!this.#leading) return;
    this.#leading.abort();
    this.#leading = undefined;
    this.#options.log.info({ identity: this.#options.identity }, 'no longer leading');
  }

  async #tryAcquire(): Promise<boolean> {
    const { client, namespace, name, identity, log } = this.#options;
    try {
      const lease = await client.get<Lease>(leases, name, namespace);
      if (!lease) {
        await client.create<Lease>(leases, this.#lease(undefined, new Date()));
        return true;
      }
      if (lease.spec.holderIdentity !== identity && this.#heldByOther(lease)) return false;
      await client.replace<Lease>(leases, this.#lease(lease, new Date()));
      return true;
    } catch (error) {
      log.debug(errorFields(error), 'the lease could not be read or written');
      return false;
    }
  }

  #heldByOther(lease: Lease): boolean {
    if (!lease.spec.holderIdentity) return false;
    const renewTime = lease.spec.renewTime ?? '';
    if (renewTime !== this.#observed.renewTime) this.#observed = { renewTime, at: Date.now() };
    return Date.now() - this.#observed.at < this.#options.leaseDurationMs;
  }

  #lease(before: Lease | undefined, now: Date): Lease {
    const { namespace, name, identity, leaseDurationMs } = this.#options;
    const mine = before?.spec.holderIdentity === identity;
    // MicroTime: six digits, of which JavaScript knows three.
    const time = now.toISOString().replace('Z', '000Z');
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: before?.metadata ?? { name, namespace },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(leaseDurationMs / 1000),
        acquireTime: (mine ? before.spec.acquireTime : undefined) ?? time,
        renewTime: time,
        leaseTransitions: (before?.spec.leaseTransitions ?? 0) + Number(before !== undefined && !mine),
      },
    };
  }

  /** Clears the holder, so that another replica takes over at its next try. */
  async #release(): Promise<void> {
    const { client, namespace, name, identity, log } = this.#options;
    try {
      const lease = await client.get<Lease>(leases, name, namespace);
      if (lease?.spec.holderIdentity !== identity) return;
      await client.replace<Lease>(leases, { ...lease, spec: { ...lease.spec, holderIdentity: '' } });
    } catch (error) {
      log.debug(errorFields(error), 'the lease could not be given back');
    }
  }
}
