/** Names and addresses of a checkout's own cluster, derived from its path so that two of them run side by side. */
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkout, localDir } from '../paths.ts';

const digest = createHash('sha256').update(checkout).digest();
const id = digest.toString('hex').slice(0, 8);

/** Second octet, 64 to 223: below are the ranges that routers at home and cloud networks hand out first. */
const prefix = `10.${64 + (digest[0]! % 160)}`;

/** Everything of the node is found again by these, also after a reboot. */
export const identity = {
  id,
  nodeName: 'mcpcore',
  /** Network namespace, and the cgroup of its pods in every hierarchy. */
  namespace: `mcpcore-${id}`,
  cgroup: `/mcpcore-${id}`,
  /** The link between the host and the node; interface names have at most 15 characters. */
  hostLink: `mcp-h-${id}`,
  nodeLink: `mcp-n-${id}`,
  hostAddress: `${prefix}.0.1`,
  nodeAddress: `${prefix}.0.2`,
  linkPrefix: 30,
  /** All of the cluster: the host routes it to the node, so that Services and pods can be reached from the host. */
  network: `${prefix}.0.0/16`,
  podRange: `${prefix}.64.0/18`,
  serviceRange: `${prefix}.128.0/18`,
  /** First address of the range of Services; the API server itself. */
  apiServiceAddress: `${prefix}.128.1`,
  dnsAddress: `${prefix}.128.10`,
  apiServerUrl: `https://${prefix}.0.2:6443`,
} as const;

const state = join(localDir, 'cluster');
const socket = join(state, 'control.sock');

/** Files of the running node. */
export const files = {
  state,
  pki: join(state, 'pki'),
  config: join(state, 'config'),
  logs: join(state, 'logs'),
  /** Process id and start time of the node's first process. */
  process: join(state, 'node.json'),
  /** Where the supervisor takes commands; the kernel allows 107 bytes. */
  control: socket.length < 100 ? socket : join(tmpdir(), `mcpcore-${id}.sock`),
  adminKubeconfig: join(state, 'config', 'admin.kubeconfig'),
} as const;

/** Path of the kubeconfig of a component. */
export const kubeconfigOf = (component: string) => join(files.config, `${component}.kubeconfig`);
