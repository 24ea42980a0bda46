/**
 * Reviews new pods that carry the label of a server: gives them the server's identity and the way to the gateway.
 * Neither a value nor a reference to one is put in the pod. A second pass over the result changes nothing.
 */
import { McpError } from '../../api/errors.ts';
import { caConfigMap, identityDir, serverLabel, serviceAccountName } from '../../api/names.ts';
import type { KubeObject } from '../../api/object-meta.ts';
import { streamAudience } from '../../api/stream-protocol.ts';
import type { AdmissionRequest, Decision, PatchOperation } from './review.ts';

export interface PodReviewDeps {
  /** Where pods reach the env stream. */
  streamUrl: string;
}

interface Container {
  name: string;
  env?: { name: string; value?: string }[];
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
}

interface Pod extends KubeObject {
  spec: { serviceAccountName?: string; containers: Container[]; volumes?: { name: string }[] };
}

const identityVolume = 'mcpcore-identity';
/** Kubelet renews a projected token at 80 % of its life. */
const tokenSeconds = 3600;

/**
 * Reviews one pod.
 * @throws McpError ForeignServiceAccount, or InvalidPod for a volume of the user's that takes our name
 */
export function reviewPod(request: AdmissionRequest, deps: PodReviewDeps): Decision {
  const pod = request.object as Pod;
  const server = pod.metadata.labels?.[serverLabel];
  if (request.operation !== 'CREATE' || !server) return {};
  const namespace = request.namespace ?? pod.metadata.namespace ?? 'default';
  const patch = [
    ...serviceAccount(pod, server),
    ...volume(pod),
    ...pod.spec.containers.flatMap((container, index) =>
      inject(container, `/spec/containers/${index}`, {
        MCPCORE_URL: deps.streamUrl,
        MCPCORE_NAMESPACE: namespace,
        MCPCORE_SERVER: server,
      }),
    ),
  ];
  return { patch };
}

function serviceAccount(pod: Pod, server: string): PatchOperation[] {
  const expected = serviceAccountName(server);
  const actual = pod.spec.serviceAccountName;
  if (actual === expected) return [];
  // The API server's own admission has set `default` where the user set nothing.
  if (actual !== undefined && actual !== '' && actual !== 'default') {
    throw new McpError('ForeignServiceAccount', { server, expected, actual });
  }
  return [
    { op: 'add', path: '/spec/serviceAccountName', value: expected },
    { op: 'add', path: '/spec/serviceAccount', value: expected },
  ];
}

function volume(pod: Pod): PatchOperation[] {
  const wanted = {
    name: identityVolume,
    projected: {
      defaultMode: 0o444,
      sources: [
        { serviceAccountToken: { audience: streamAudience, expirationSeconds: tokenSeconds, path: 'token' } },
        { configMap: { name: caConfigMap, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      ],
    },
  };
  const { volumes } = pod.spec;
  if (!volumes) return [{ op: 'add', path: '/spec/volumes', value: [wanted] }];
  const index = volumes.findIndex(({ name }) => name === identityVolume);
  if (index < 0) return [{ op: 'add', path: '/spec/volumes/-', value: wanted }];
  if (JSON.stringify(sorted(volumes[index])) === JSON.stringify(sorted(wanted))) return [];
  throw new McpError('InvalidPod', {
    field: `spec.volumes[${index}].name`,
    problem: `the name ${identityVolume} is taken by mcpcore; choose another`,
  });
}

function inject(
  container: Container,
  path: string,
  settings: Readonly<Record<string, string>>,
): PatchOperation[] {
  const mount = { name: identityVolume, mountPath: identityDir, readOnly: true };
  const mounted = container.volumeMounts?.some(({ name }) => name === identityVolume) ?? false;
  const env = (container.env ?? []).filter(({ name }) => !Object.hasOwn(settings, name));
  env.push(...Object.entries(settings).map(([name, value]) => ({ name, value })));
  const current = JSON.stringify(sorted(container.env ?? []));
  return [
    ...(mounted ? [] : add(`${path}/volumeMounts`, container.volumeMounts, mount)),
    // Settings of ours win over entries of the same name: they decide whom the pod trusts.
    ...(current === JSON.stringify(sorted(env))
      ? []
      : [{ op: 'add' as const, path: `${path}/env`, value: env }]),
  ];
}

function add(path: string, list: readonly unknown[] | undefined, item: unknown): PatchOperation[] {
  return list ? [{ op: 'add', path: `${path}/-`, value: item }] : [{ op: 'add', path, value: [item] }];
}

/** The same JSON with the keys of objects in order, for comparison. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
