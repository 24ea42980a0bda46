/**
 * Reconciles servers, on the leader alone: environment first, since pods wait for it, then the objects around the
 * pods, then the status.
 */
import type { McpEnvironment, McpServer } from '../api/generated/types.ts';
import { serviceAccountName } from '../api/names.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { KubeClient } from '../kube/client.ts';
import type { EventRecorder } from '../kube/events.ts';
import { objectKey } from '../kube/reflector.ts';
import { WorkQueue } from '../kube/work-queue.ts';
import type { Log } from '../kube/log.ts';
import { serverKeyOf, type Caches, type Deployment } from './caches.ts';
import { problemsDigest, reconcileEnvironment, type EnvironmentOutcome } from './environment-reconciler.ts';
import { StatusReconciler } from './status-reconciler.ts';
import { WorkloadReconciler } from './workload-reconciler.ts';

/** How often everything is looked at again, in case somebody changed what we own. */
const resyncMs = 10 * 60_000;

export interface ControllerDeps {
  client: KubeClient;
  caches: Caches;
  keyring: () => Keyring;
  image: string;
  authority: () => string;
  events: EventRecorder;
  log: Log;
  now: () => Date;
  concurrency?: number;
}

export class Controller {
  readonly #deps: ControllerDeps;
  readonly #workloads: WorkloadReconciler;
  readonly #statuses: StatusReconciler;
  readonly #queue: WorkQueue;
  /** Digest of the problems of a server that were last told in an Event. */
  readonly #told = new Map<string, string>();
  /** What this process wrote and its cache may not have seen yet. */
  readonly #written = new Map<string, McpEnvironment>();

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
    this.#workloads = new WorkloadReconciler(deps);
    this.#statuses = new StatusReconciler(deps);
    this.#queue = new WorkQueue({
      concurrency: deps.concurrency ?? 8,
      log: deps.log,
      process: (key) => this.#reconcile(key),
    });
  }

  /** Leads until the signal aborts. */
  start(signal: AbortSignal): void {
    this.#workloads.forgetAll();
    this.#queue.start(signal);
    this.resync();
    const timer = setInterval(() => {
      this.#workloads.forgetAll();
      this.resync();
    }, resyncMs);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  /** Looks at every server again, behind whatever is new. */
  resync(): void {
    const { servers, secrets } = this.#deps.caches;
    for (const server of servers.list()) this.#queue.add(objectKey(server), 'low');
    for (const secret of secrets.list()) this.#queue.add(serverKeyOf(secret), 'low');
  }

  /** Drops what is remembered of an object that was deleted. */
  forget(uid: string | undefined): void {
    this.#statuses.forget(uid);
    this.#workloads.forget(uid);
  }

  /** Looks at one server. */
  enqueue(serverKey: string): void {
    this.#queue.add(serverKey);
  }

  async #reconcile(key: string): Promise<void> {
    const { caches } = this.#deps;
    const server = caches.servers.get(key);
    const secrets = caches.secretsOf(key);
    if (!server || server.metadata.deletionTimestamp) {
      this.#written.delete(key);
      this.#told.delete(key);
      return this.#statuses.reconcileOrphans(secrets);
    }
    const current = this.#environment(key);
    const outcome = await reconcileEnvironment(server, secrets, current, this.#deps);
    if (outcome.written) this.#written.set(key, outcome.written);
    this.#tell(key, server, outcome);
    const deployment = this.#deployment(server);
    await this.#workloads.reconcile(server, deployment !== undefined);
    const environment = outcome.written ?? current;
    const observed = { server, environment, outcome, readyReplicas: deployment?.status?.readyReplicas };
    await this.#statuses.reconcile(observed, secrets);
  }

  /** The environment as stored: the cache's, or what was written a moment ago and the cache has not seen. */
  #environment(key: string): McpEnvironment | undefined {
    const cached = this.#deps.caches.environments.get(key);
    const written = this.#written.get(key);
    if (!written) return cached;
    if (!cached) return undefined;
    const behind =
      cached.metadata.uid === written.metadata.uid && cached.spec.revision < written.spec.revision;
    if (behind) return written;
    this.#written.delete(key);
    return cached;
  }

  #deployment({ metadata: { namespace = 'default', name } }: McpServer): Deployment | undefined {
    return this.#deps.caches.deployments.get(`${namespace}/${serviceAccountName(name)}`);
  }

  #tell(key: string, server: McpServer, { problems }: EnvironmentOutcome): void {
    const digest = problemsDigest(problems);
    if (this.#told.get(key) === digest) return;
    this.#told.set(key, digest);
    for (const { secret, reason, message } of problems) {
      this.#deps.events.event(server, 'Warning', reason, `McpSecret ${secret}: ${message}`);
    }
  }
}
