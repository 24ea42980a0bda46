/** Applies the objects that a server needs around its pods: identity, trust, and for tool code the runner. */
import { createHash } from 'node:crypto';
import type { McpServer } from '../api/generated/types.ts';
import { caConfigMap, serviceAccountName } from '../api/names.ts';
import type { KubeObject } from '../api/object-meta.ts';
import type { KubeClient } from '../kube/client.ts';
import { configMaps, deployments, serviceAccounts, services, type ResourceRef } from '../kube/resources.ts';
import { deployment, isHosted, service, serviceAccount } from './workload-plan.ts';

export interface WorkloadDeps {
  client: KubeClient;
  image: string;
  /** PEM bundle that pods trust for the gateway. */
  authority: () => string;
}

/**
 * Applies what changed since this process applied it last, so that a reconciliation of nothing new sends nothing.
 * What somebody else changed in between is put right at the next periodic pass, for which `forgetAll` is called.
 */
export class WorkloadReconciler {
  readonly #deps: WorkloadDeps;
  /** Digest of what was applied, by uid of the server and by object: a server made anew gets everything anew. */
  readonly #applied = new Map<string, Map<string, string>>();

  constructor(deps: WorkloadDeps) {
    this.#deps = deps;
  }

  /** @param deployed whether the server's Deployment is there, as far as the cache knows */
  async reconcile(server: McpServer, deployed: boolean): Promise<void> {
    const namespace = server.metadata.namespace ?? 'default';
    const name = serviceAccountName(server.metadata.name);
    const applied = this.#appliedFor(server);
    if (!deployed) applied.delete(objectName(deployments, name));
    await this.#apply(applied, configMaps, this.#authorityConfigMap(namespace));
    await this.#apply(applied, serviceAccounts, serviceAccount(server));
    if (isHosted(server)) {
      await this.#apply(applied, services, service(server));
      await this.#apply(applied, deployments, deployment(server, this.#deps.image));
    } else if (deployed) {
      await this.#deps.client.delete(deployments, name, namespace);
      await this.#deps.client.delete(services, name, namespace);
      applied.delete(objectName(services, name));
    }
  }

  /** Drops the memory of what was applied for a server that is gone. */
  forget(uid: string | undefined): void {
    if (uid) this.#applied.delete(uid);
  }

  /** Drops the memory of what was applied. */
  forgetAll(): void {
    this.#applied.clear();
  }

  #appliedFor({ metadata: { uid = '' } }: McpServer): Map<string, string> {
    const applied = this.#applied.get(uid) ?? new Map<string, string>();
    this.#applied.set(uid, applied);
    return applied;
  }

  #authorityConfigMap(namespace: string): KubeObject {
    return {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: caConfigMap, namespace, labels: { 'app.kubernetes.io/managed-by': 'mcpcore' } },
      data: { 'ca.crt': this.#deps.authority() },
    } as KubeObject;
  }

  async #apply(applied: Map<string, string>, resource: ResourceRef, object: KubeObject): Promise<void> {
    const key = objectName(resource, object.metadata.name);
    const digest = createHash('sha256').update(JSON.stringify(object)).digest('base64');
    if (applied.get(key) === digest) return;
    await this.#deps.client.apply(resource, object);
    applied.set(key, digest);
  }
}

function objectName(resource: ResourceRef, name: string): string {
  return `${resource.plural}/${name}`;
}
