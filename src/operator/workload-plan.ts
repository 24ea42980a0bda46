/** The objects of a hosted McpServer, made from its spec: pure, applied server-side by the workload reconciler. */
import type { McpServer } from '../api/generated/types.ts';
import { apiVersion, componentLabel, serverLabel, serviceAccountName } from '../api/names.ts';
import type { KubeObject, OwnerReference } from '../api/object-meta.ts';

export { componentLabel };
const port = 8080;

/** True when the server has tool code, which mcpcore's own runner hosts. */
export function isHosted(server: McpServer): boolean {
  return (server.spec.tools?.length ?? 0) > 0;
}

/** Address of a hosted server's MCP endpoint inside the cluster. */
export function serverUrl(server: McpServer): string {
  return `http://${serviceAccountName(server.metadata.name)}.${server.metadata.namespace ?? 'default'}.svc/mcp`;
}

/** A reference that makes the garbage collector delete the object together with the server. */
export function ownedBy(server: McpServer): OwnerReference[] {
  return [
    {
      apiVersion,
      kind: 'McpServer',
      name: server.metadata.name,
      uid: server.metadata.uid ?? '',
      controller: true,
      blockOwnerDeletion: true,
    },
  ];
}

function meta(server: McpServer): KubeObject['metadata'] {
  return {
    name: serviceAccountName(server.metadata.name),
    namespace: server.metadata.namespace ?? 'default',
    labels: labels(server),
    ownerReferences: ownedBy(server),
  };
}

function labels(server: McpServer): Record<string, string> {
  return {
    'app.kubernetes.io/name': 'mcp-server',
    'app.kubernetes.io/instance': server.metadata.name,
    'app.kubernetes.io/managed-by': 'mcpcore',
    [serverLabel]: server.metadata.name,
  };
}

/** The identity of the server's pods; hosted or not, a server has one. */
export function serviceAccount(server: McpServer): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: meta(server),
    automountServiceAccountToken: false,
  } as KubeObject;
}

/** The Service in front of the runner's pods; they keep no sessions, so any pod answers any request. */
export function service(server: McpServer): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(server),
    spec: {
      selector: podLabels(server),
      ports: [{ name: 'mcp', port: 80, targetPort: 'mcp', protocol: 'TCP', appProtocol: 'http' }],
    },
  } as KubeObject;
}

function podLabels(server: McpServer): Record<string, string> {
  return { [serverLabel]: server.metadata.name, [componentLabel]: 'runner' };
}

/** The runner's Deployment. Nothing in it depends on a value or on tool code, so neither restarts a pod. */
export function deployment(server: McpServer, image: string): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...meta(server), labels: { ...labels(server), ...podLabels(server) } },
    spec: {
      replicas: server.spec.replicas ?? 1,
      selector: { matchLabels: podLabels(server) },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels: { ...labels(server), ...podLabels(server) } },
        spec: podSpec(server, image),
      },
    },
  } as KubeObject;
}

function podSpec(server: McpServer, image: string): Record<string, unknown> {
  return {
    serviceAccountName: serviceAccountName(server.metadata.name),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(server.spec.runtimeClassName && { runtimeClassName: server.spec.runtimeClassName }),
    terminationGracePeriodSeconds: 30,
    securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'runner',
        image,
        imagePullPolicy: 'IfNotPresent',
        command: ['/usr/local/bin/node', '/app/runtime/runner.mjs'],
        ports: [{ name: 'mcp', containerPort: port, protocol: 'TCP' }],
        readinessProbe: { httpGet: { path: '/readyz', port: 'mcp' }, periodSeconds: 2, failureThreshold: 2 },
        livenessProbe: { httpGet: { path: '/healthz', port: 'mcp' }, periodSeconds: 10, failureThreshold: 3 },
        resources: server.spec.resources ?? {
          requests: { cpu: '50m', memory: '192Mi' },
          limits: { memory: '768Mi' },
        },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
      },
    ],
  };
}
