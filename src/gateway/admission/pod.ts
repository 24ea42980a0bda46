/**
 * Reviews new pods that carry the label of a server: gives them the server's identity and the way to the gateway, and
 * puts the launcher in front of a user's program. Neither a value nor a reference to one is put in the pod. Pure; a
 * second pass over the result changes nothing.
 */
import { McpError } from '../../api/errors.ts';
import { componentLabel, containersAnnotation, serverLabel, serviceAccountName } from '../../api/names.ts';
import { injectContainer, type Injection } from './pod-container.ts';
import { append, contains, invalidPod, type Container, type Pod, type Volume } from './pod-object.ts';
import {
  identityMount,
  identityVolume,
  installContainer,
  runMount,
  runtimeMount,
  runtimeVolume,
  runVolume,
} from './pod-parts.ts';
import type { AdmissionRequest, Decision, PatchOperation } from './review.ts';

export interface PodReviewDeps {
  /** Where pods reach the env stream. */
  streamUrl: string;
  /** Image with the runtime for users' programs; without one, pods get their identity only. */
  runtimeImage?: string;
  /** Whether there is such a server, as far as this replica knows; not asked when left out. */
  hasServer?: (namespace: string, server: string) => boolean;
}

/**
 * Reviews one pod.
 * @throws McpError ForeignServiceAccount, ServerNotFound, or InvalidPod that says what to change
 */
export function reviewPod(request: AdmissionRequest, deps: PodReviewDeps): Decision {
  const pod = request.object as Pod;
  const server = pod.metadata.labels?.[serverLabel];
  if (request.operation !== 'CREATE' || !server) return {};
  const namespace = request.namespace ?? 'default';
  if (deps.hasServer?.(namespace, server) === false) {
    throw new McpError('ServerNotFound', { server, namespace });
  }
  refuseUnfit(pod);
  const image = isRunner(pod, server) ? undefined : deps.runtimeImage;
  const injection: Injection = {
    settings: { MCPCORE_URL: deps.streamUrl, MCPCORE_NAMESPACE: namespace, MCPCORE_SERVER: server },
    mounts: image ? [identityMount, runtimeMount, runMount] : [identityMount],
    launch: image !== undefined,
  };
  return {
    patch: [
      ...serviceAccount(pod, server),
      ...volumes(pod, image ? [identityVolume, runtimeVolume, runVolume] : [identityVolume]),
      ...install(pod, image),
      ...chosen(pod).flatMap((index) => injectContainer(pod.spec.containers[index], index, injection)),
    ],
  };
}

/** The operator's Deployment has set the command already; its program speaks to the gateway itself. */
function isRunner({ metadata, spec }: Pod, server: string): boolean {
  return (
    metadata.labels?.[componentLabel] === 'runner' &&
    spec.serviceAccountName === serviceAccountName(server) &&
    (metadata.ownerReferences?.some(({ kind, controller }) => kind === 'ReplicaSet' && controller) ?? false)
  );
}

function refuseUnfit({ spec }: Pod): void {
  if (spec.hostNetwork) {
    throw invalidPod(
      'spec.hostNetwork',
      'pods of an McpServer have a network of their own; leave hostNetwork out',
    );
  }
  if (spec.os?.name === 'windows' || spec.nodeSelector?.['kubernetes.io/os'] === 'windows') {
    throw invalidPod('spec.nodeSelector', 'pods of an McpServer run on Linux nodes');
  }
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

function volumes(pod: Pod, wanted: readonly Volume[]): PatchOperation[] {
  const present = pod.spec.volumes;
  const missing = wanted.filter((volume) => {
    const index = present?.findIndex(({ name }) => name === volume.name) ?? -1;
    if (index < 0) return true;
    if (contains(present?.[index], volume)) return false;
    throw invalidPod(
      `spec.volumes[${index}].name`,
      `the name ${volume.name} is taken by mcpcore; choose another`,
    );
  });
  return append('/spec/volumes', present, missing);
}

/** First of the init containers, so that a later one may use the runtime. */
function install(pod: Pod, image: string | undefined): PatchOperation[] {
  if (image === undefined) return [];
  const wanted = installContainer(image);
  const { initContainers } = pod.spec;
  if (!initContainers) return [{ op: 'add', path: '/spec/initContainers', value: [wanted] }];
  const index = initContainers.findIndex(({ name }) => name === wanted.name);
  if (index < 0) return [{ op: 'add', path: '/spec/initContainers/0', value: wanted }];
  // A registry mirror may have rewritten the image, so only the command tells whether it is ours.
  if (contains(initContainers[index]?.command, wanted.command)) return [];
  throw invalidPod(
    `spec.initContainers[${index}].name`,
    `the name ${wanted.name} is taken by mcpcore; choose another`,
  );
}

/** Indexes of the containers that read the server's values. */
function chosen({ metadata, spec }: Pod): number[] {
  const names = metadata.annotations?.[containersAnnotation];
  if (names === undefined) return spec.containers.map((_: Container, index) => index);
  const wanted = new Set(names.split(',').map((name) => name.trim()));
  return [...wanted].map((name) => {
    const index = spec.containers.findIndex((container) => container.name === name);
    if (index >= 0) return index;
    throw invalidPod(
      `metadata.annotations[${containersAnnotation}]`,
      `the pod has no container named ${JSON.stringify(name)}`,
    );
  });
}
