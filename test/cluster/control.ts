/** Hands on the running local cluster, for tests of what happens when parts of it fail. */
import { request } from 'node:http';
import { run } from './process.ts';
import { files } from './node/identity.ts';
import { enterArgs, runInNode } from './node/namespaces.ts';
import type { ComponentStatus } from './node/supervisor.ts';

export type ComponentName =
  | 'etcd'
  | 'containerd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kube-proxy'
  | 'coredns'
  | 'kubelet';

function ask(method: 'GET' | 'POST', path: string): Promise<Record<ComponentName, ComponentStatus>> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: files.control, method, path, timeout: 60_000 }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => {
        if (answer.statusCode !== 200) return reject(new Error(`${path} was answered ${answer.statusCode}`));
        resolve(JSON.parse(Buffer.concat(parts).toString()) as Record<ComponentName, ComponentStatus>);
      });
    });
    call.on('timeout', () => call.destroy(new Error(`${path}: no answer`)));
    call.on('error', reject);
    call.end();
  });
}

/** Which components run, and how often each ended without being told to. */
export const componentStatus = () => ask('GET', '/status');

/** Ends a component and keeps it down until `startComponent`; SIGKILL is a crash, SIGTERM an orderly end. */
export async function killComponent(name: ComponentName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  await ask('POST', `/stop/${name}/${signal}`);
}

/** Starts a component that was ended; nothing happens when it runs. */
export async function startComponent(name: ComponentName): Promise<void> {
  await ask('POST', `/start/${name}`);
}

/** Runs a command of this machine in the cluster's network namespace, for example iptables to drop packets. */
export function runInClusterNetwork(command: readonly string[]): Promise<string> {
  return run('nsenter', enterArgs(['--net'], command));
}

/** Runs a command inside all of the node's namespaces: sees its processes, mounts and containerd's socket. */
export const runOnNode = (command: readonly string[]) => runInNode(command);
