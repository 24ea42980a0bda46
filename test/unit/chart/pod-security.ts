/** The checks of the Pod Security Standard `restricted`, as of Kubernetes 1.35, for Linux pods. */
import type { Container, PodSpec, SecurityContext } from './helm.ts';

const volumeTypes = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);
const profiles = new Set(['RuntimeDefault', 'Localhost']);

/** What the standard forbids in the pod; empty when it conforms. */
export function restrictedViolations(pod: PodSpec): string[] {
  const host = ['hostNetwork', 'hostPID', 'hostIPC'].filter((field) => pod[field] === true);
  const volumes = (pod.volumes ?? []).flatMap((volume) =>
    Object.keys(volume).filter((field) => field !== 'name' && !volumeTypes.has(field)),
  );
  const containers = [...pod.containers, ...(pod.initContainers ?? [])];
  return [...host, ...volumes, ...containers.flatMap((container) => ofContainer(container, pod))];
}

function ofContainer(container: Container, pod: PodSpec): string[] {
  const own: SecurityContext = container.securityContext ?? {};
  const context: SecurityContext = { ...pod.securityContext, ...own };
  const checks: [string, boolean][] = [
    ['privileged', own['privileged'] !== true],
    ['allowPrivilegeEscalation', own['allowPrivilegeEscalation'] === false],
    ['runAsNonRoot', context['runAsNonRoot'] === true],
    ['runAsUser', context['runAsUser'] !== 0],
    ['seccompProfile', profiles.has(context.seccompProfile?.type ?? '')],
    ['capabilities.drop', own.capabilities?.drop?.includes('ALL') === true],
    ['capabilities.add', (own.capabilities?.add ?? []).every((name) => name === 'NET_BIND_SERVICE')],
    ['hostPort', (container.ports ?? []).every(({ hostPort = 0 }) => hostPort === 0)],
  ];
  return checks.filter(([, holds]) => !holds).map(([field]) => `${container.name}: ${field}`);
}
