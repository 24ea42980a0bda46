/** Names that more than one part must agree on. */

export const group = 'mcpcore.dev';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}`;

/** Label that makes a pod one of a server's; its value is the McpServer's name. */
export const serverLabel = 'mcpcore.dev/server';
/** Label that tells the runner's pods (`runner`) from those that a user runs. */
export const componentLabel = 'mcpcore.dev/component';
/** Annotation of a pod: the containers that read the server's values, by comma; all regular ones without it. */
export const containersAnnotation = 'mcpcore.dev/containers';
/** Field manager of everything that the operator applies. */
export const fieldManager = 'mcpcore';
/** ConfigMap in each served namespace with the certificate authority of the gateway, under key `ca.crt`. */
export const caConfigMap = 'mcpcore-ca';
/** Directory in the pod with `token` and `ca.crt`, mounted read-only by the pod webhook. */
export const identityDir = '/var/run/mcpcore/identity';
/** Directory in the pod with the runtime that the init container copied. */
export const runtimeDir = '/var/run/mcpcore/runtime';
/** Directory in the pod, in memory, for the sockets between a launcher and the programs that it started. */
export const runDir = '/var/run/mcpcore/run';

/** Most bytes of one value, as UTF-8. */
export const maxValueBytes = 64 * 1024;
/** Most bytes of a key name, as UTF-8. */
export const maxKeyBytes = 253;
/** Most plaintext bytes of a server's values and keys together, so that its McpEnvironment stays under 1 MiB. */
export const maxEnvironmentBytes = 640 * 1024;

/** ServiceAccount that a server's pods run as: their identity at the gateway. */
export function serviceAccountName(server: string): string {
  return `mcp-${server}`;
}
