/** Cluster DNS: CoreDNS is a process of the node, and these objects make it the Service that pods ask. */
import { identity } from './identity.ts';

const name = 'kube-dns';
const namespace = 'kube-system';
const user = 'system:coredns';
const labels = { 'k8s-app': 'kube-dns', 'kubernetes.io/name': 'CoreDNS' };
const ports = [
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
];

/** A List of the Service, its one endpoint, and what CoreDNS may read. */
export function dnsManifests() {
  const rbac = 'rbac.authorization.k8s.io';
  const verbs = ['list', 'watch'];
  return {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: `${rbac}/v1`,
        kind: 'ClusterRole',
        metadata: { name: user },
        rules: [
          { apiGroups: [''], resources: ['services', 'pods', 'namespaces', 'endpoints'], verbs },
          { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs },
        ],
      },
      {
        apiVersion: `${rbac}/v1`,
        kind: 'ClusterRoleBinding',
        metadata: { name: user },
        roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: user },
        subjects: [{ apiGroup: rbac, kind: 'User', name: user }],
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace, labels },
        spec: { clusterIP: identity.dnsAddress, ports },
      },
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name, namespace, labels: { ...labels, 'kubernetes.io/service-name': name } },
        addressType: 'IPv4',
        endpoints: [{ addresses: [identity.nodeAddress], conditions: { ready: true } }],
        ports,
      },
    ],
  };
}
