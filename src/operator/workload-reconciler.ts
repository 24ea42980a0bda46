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
 * What somebody else changed in between is put right at the next periodic pass, for which `forget` is called.
 */
export class WorkloadReconciler {
  readonly #deps: WorkloadDeps;
  readonly #applied = new Map<string, string>();

  constructor(deps: WorkloadDeps) {
    this.#deps = deps;
  }

  async reconcile(server: McpServer): Promise<void> {
    const namespace = server.metadata.namespace ?? 'default';
    await this.#apply(configMaps, this.#authorityConfigMap(namespace));
    await this.#apply(serviceAccounts, serviceAccount(server));
    if (isHosted(server)) {
      await this.#apply(services, service(server));
      await this.#apply(deployments, deployment(server, this.#deps.image));
      return;
    }
    await this.#remove(deployments, namespace, serviceAccountName(server.metadata.name));
    await this.#remove(services, namespace, serviceAccountName(server.metadata.name));
  }

  /** Drops the memory of what was applied. */
  forget(): void {
    this.#applied.clear();
  }

  #authorityConfigMap(namespace: string): KubeObject {
    return {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: caConfigMap, namespace, labels: { 'app.kubernetes.io/managed-by': 'mcpcore' } },
      data: { 'ca.crt': this.#deps.authority() },
    } as KubeObject;
  }

  async #apply(resource: ResourceRef, object: KubeObject): Promise<void> {
    const key = `${resource.plural}/${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    const digest = createHash('sha256').update(JSON.stringify(object)).digest('base64');
    if (this.#applied.get(key) === digest) return;
    await this.#deps.client.apply(resource, object);
    this.#applied.set(key, digest);
  }

  /** Removes what this process knows to be there, when a server stops having tool code. */
  async #remove(resource: ResourceRef, namespace: string, name: string): Promise<void> {
    const key = `${resource.plural}/${namespace}/${name}`;
    if (!this.#applied.has(key)) return;
    await this.#deps.client.delete(resource, name, namespace);
    this.#applied.delete(key);
  }
}
