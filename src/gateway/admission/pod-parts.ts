/** What a labelled pod is given: volumes, mounts, settings, and for a user's program the launcher around it. */
import { caConfigMap, identityDir, runDir, runtimeDir } from '../../api/names.ts';
import { streamAudience } from '../../api/stream-protocol.ts';
import type { Container, Volume, VolumeMount } from './pod-object.ts';

/** Kubelet renews a projected token at 80 % of its life. */
const tokenSeconds = 3600;

/** The pod's identity: a token for the env stream alone, and the authority of the gateway. Values are never mounted. */
export const identityVolume: Volume = {
  name: 'mcpcore-identity',
  projected: {
    defaultMode: 0o444,
    sources: [
      { serviceAccountToken: { audience: streamAudience, expirationSeconds: tokenSeconds, path: 'token' } },
      { configMap: { name: caConfigMap, items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    ],
  },
};
/** Filled by the init container, so that a user's image needs nothing of ours. */
export const runtimeVolume: Volume = { name: 'mcpcore-runtime', emptyDir: { sizeLimit: '512Mi' } };
/** Sockets only; in memory, so that nothing of it can reach a disk. */
export const runVolume: Volume = { name: 'mcpcore-run', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } };

export const identityMount: VolumeMount = {
  name: identityVolume.name,
  mountPath: identityDir,
  readOnly: true,
};
export const runtimeMount: VolumeMount = { name: runtimeVolume.name, mountPath: runtimeDir, readOnly: true };
export const runMount: VolumeMount = { name: runVolume.name, mountPath: runDir };

/** Option of Node that defines `env` in a program before its own code runs. */
export const preloadOption = `--import=${runtimeDir}/preload.mjs`;

/** Where the launcher of a container serves its program. */
export function socketPath(container: string): string {
  return `${runDir}/env-${container}.sock`;
}

/** Start of the command of a wrapped container; what the user set follows. */
export const launcherCommand: readonly string[] = [`${runtimeDir}/node`, `${runtimeDir}/launcher.mjs`, '--'];

/** Copies Node and the launcher into the pod. Fit for the Pod Security level `restricted`. */
export function installContainer(image: string): Container {
  return {
    name: runtimeVolume.name,
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['/usr/local/bin/node', '/app/runtime/install.mjs', runtimeDir],
    resources: {
      requests: { cpu: '10m', memory: '64Mi' },
      limits: { cpu: '1', memory: '128Mi' },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: 65_532,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    volumeMounts: [{ name: runtimeVolume.name, mountPath: runtimeDir }],
  };
}
