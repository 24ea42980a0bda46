/**
 * Leader election on a Lease, with the timing of client-go's leaderelection; the lease is given back on shutdown.
 * A leader that cannot renew stops at `renewDeadlineMs`, before anybody else may take over at `leaseDurationMs`,
 * even while a request of its own hangs.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { KubeObject } from '../api/object-meta.ts';
import type { KubeClient } from './client.ts';
import { isKubeReason } from './errors.ts';
import { errorFields, type Log } from './log.ts';
import { leases } from './resources.ts';

export interface Lease extends KubeObject {
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

type Outcome = 'held' | 'taken' | 'unknown';

export class LeaderElector {
  readonly #options: Required<LeaderElectorOptions>;
  #leading: AbortController | undefined;
  #deadline: NodeJS.Timeout | undefined;
  /** The lease as last seen, and when by this clock: clocks of replicas need not agree. */
  #observed = { version: '', at: 0 };

  constructor(options: LeaderElectorOptions) {
    this.#options = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000, ...options };
  }

  get isLeader(): boolean {
    return this.#leading !== undefined;
  }

  /** Takes part until the signal aborts; then stops leading and gives the lease back. */
  async run(signal: AbortSignal): Promise<void> {
    const { retryPeriodMs } = this.#options;
    while (!signal.aborted) {
      const startedAt = performance.now();
      const outcome = await this.#tryAcquire();
      if (signal.aborted) break;
      // The lease counts from before the request: others may have seen it renewed as early as that.
      if (outcome === 'held') this.#renewed(startedAt);
      else if (outcome === 'taken') this.#stop();
      const pause = retryPeriodMs * (0.8 + 0.4 * Math.random());
      await delay(pause, undefined, { signal }).catch(() => undefined);
    }
    this.#stop();
    // Shutting down does not wait longer than others would wait for the lease to run out.
    await Promise.race([this.#release(), delay(this.#options.renewDeadlineMs, undefined, { ref: false })]);
  }

  /** Leads, until the renew deadline at the latest. */
  #renewed(at: number): void {
    const rest = at + this.#options.renewDeadlineMs - performance.now();
    clearTimeout(this.#deadline);
    if (rest <= 0) return this.#stop();
    this.#deadline = setTimeout(() => this.#stop(), rest);
    if (this.#leading) return;
    this.#leading = new AbortController();
    this.#options.log.info({ identity: this.#options.identity }, 'leading');
    this.#options.onStartedLeading(this.#leading.signal);
  }

  #stop(): void {
    clearTimeout(this.#deadline);
    if (!this.#leading) return;
    this.#leading.abort();
    this.#leading = undefined;
    this.#options.log.info({ identity: this.#options.identity }, 'no longer leading');
  }

  async #tryAcquire(): Promise<Outcome> {
    const { client, namespace, name, identity, log } = this.#options;
    try {
      const lease = await client.get<Lease>(leases, name, namespace);
      if (!lease) {
        await client.create<Lease>(leases, this.#lease(undefined, new Date()));
        return 'held';
      }
      if (lease.spec.holderIdentity !== identity && this.#heldByOther(lease)) return 'taken';
      // With the version that was read: of two who try, one gets a Conflict.
      await client.replace<Lease>(leases, this.#lease(lease, new Date()));
      return 'held';
    } catch (error) {
      const raced = isKubeReason(error, 'Conflict') || isKubeReason(error, 'AlreadyExists');
      log[raced ? 'debug' : 'warn'](errorFields(error), 'the lease could not be read or written');
      return 'unknown';
    }
  }

  #heldByOther({ metadata, spec }: Lease): boolean {
    if (!spec.holderIdentity) return false;
    const version = metadata.resourceVersion ?? '';
    if (version !== this.#observed.version) this.#observed = { version, at: performance.now() };
    const durationMs = (spec.leaseDurationSeconds ?? 0) * 1000 || this.#options.leaseDurationMs;
    return performance.now() - this.#observed.at < durationMs;
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

  /** Clears the holder if it is this replica, so that another takes over at its next try. */
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
