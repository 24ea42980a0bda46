/** Runs the real helm on the chart and reads the manifests that come out. */
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ensurePrograms } from '../../cluster/binaries.ts';
import { checkout } from '../../cluster/paths.ts';
import { run } from '../../cluster/process.ts';

export const chartDir = join(checkout, 'charts/mcpcore');
export const release = 'mcpcore';
export const namespace = 'mcpcore-system';

export interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

export interface PodSpec extends Record<string, unknown> {
  containers: Container[];
  initContainers?: Container[];
  volumes?: Record<string, unknown>[];
  securityContext?: SecurityContext;
}

export interface Container extends Record<string, unknown> {
  name: string;
  image: string;
  env: { name: string; value?: string }[];
  ports?: { hostPort?: number; name: string; containerPort: number }[];
  securityContext?: SecurityContext;
}

export interface SecurityContext extends Record<string, unknown> {
  capabilities?: { add?: string[]; drop?: string[] };
  seccompProfile?: { type: string };
}

export interface Webhook {
  name: string;
  failurePolicy: string;
  sideEffects: string;
  matchPolicy: string;
  timeoutSeconds: number;
  reinvocationPolicy?: string;
  objectSelector?: Selector;
  namespaceSelector?: Selector;
  clientConfig: Record<string, unknown> & { service: { name: string; path: string; port: number } };
  rules: (Rule & { operations: string[]; scope: string })[];
}

interface Selector {
  matchExpressions: { key: string; operator: string; values?: string[] }[];
}

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  rules?: Rule[];
  webhooks?: Webhook[];
  roleRef?: { kind: string; name: string };
  subjects?: { kind: string; name: string; namespace?: string }[];
  spec: Record<string, unknown> & { template: { metadata: Manifest['metadata']; spec: PodSpec } };
}

/** Runs helm. @throws Error with what helm printed */
export async function helm(...args: string[]): Promise<string> {
  const programs = await ensurePrograms('helm');
  return run(programs.helm, args);
}

/** The chart's manifests under the given values, each as `path=value` of `--set-json`. */
export async function render(values: readonly string[] = [], name = release): Promise<Manifest[]> {
  const settings = values.flatMap((value) => ['--set-json', value]);
  const text = await helm('template', name, chartDir, '--namespace', namespace, ...settings);
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** The one manifest of a kind, and of a name if there are several. @throws Error when there is none */
export function find(manifests: readonly Manifest[], kind: string, name = release): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (!found) throw new Error(`the chart has no ${kind} ${name}`);
  return found;
}
