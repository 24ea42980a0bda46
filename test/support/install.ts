/** A working installation on a real cluster: cluster, image, chart by helm. Everything that is there already is kept. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { KubeClient } from '../../src/kube/client.ts';
import { ensurePrograms } from '../cluster/binaries.ts';
import { clusterUp } from '../cluster/cluster.ts';
import { ensureImage } from '../cluster/image/image.ts';
import { checkout, kubeconfigPath } from '../cluster/paths.ts';
import { run } from '../cluster/process.ts';
import { step } from '../cluster/progress.ts';
import { waitFor } from './wait.ts';

export const systemNamespace = 'mcpcore-system';

export interface Installation {
  client: KubeClient;
  image: string;
  kubectl: (args: readonly string[], input?: string) => Promise<string>;
  /** Opens a port of the loopback to a Service or pod, such as `svc/mcp-tools`. */
  portForward: (namespace: string, target: string, port: number) => Promise<PortForward>;
}

export interface PortForward {
  url: string;
  close(): Promise<void>;
}

/** Brings everything up and waits until the operator is ready. */
export async function install(): Promise<Installation> {
  await clusterUp();
  const image = await ensureImage();
  const programs = await ensurePrograms('kubectl', 'helm');
  const env = { ...process.env, KUBECONFIG: kubeconfigPath };
  const kubectl = (args: readonly string[], input?: string) =>
    run(programs.kubectl, args, { env, ...(input !== undefined && { input }) });
  const separator = image.lastIndexOf(':');
  const values = [`image.repository=${image.slice(0, separator)}`, `image.tag=${image.slice(separator + 1)}`];
  await step('installing mcpcore with helm', () =>
    run(
      programs.helm,
      [
        ...['upgrade', '--install', 'mcpcore', join(checkout, 'charts/mcpcore')],
        ...['--namespace', systemNamespace, '--create-namespace', '--wait', '--timeout', '5m'],
        ...values.flatMap((value) => ['--set-string', value]),
      ],
      { env },
    ),
  );
  // Pods are ready a moment before the API server reaches them: kube-proxy has to learn of them.
  const probe = {
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpServer',
    metadata: { name: 'probe' },
    spec: {},
  };
  await waitFor('admission to answer', () =>
    kubectl(['create', '--dry-run=server', '-f', '-'], JSON.stringify(probe)).then(Boolean, () => false),
  );
  return {
    client: KubeClient.fromKubeconfig(kubeconfigPath),
    image,
    kubectl,
    portForward: (namespace, target, port) => portForward(programs.kubectl, env, namespace, target, port),
  };
}

async function portForward(
  kubectl: string,
  env: NodeJS.ProcessEnv,
  namespace: string,
  target: string,
  port: number,
): Promise<PortForward> {
  const child = spawn(kubectl, ['port-forward', '--namespace', namespace, target, `:${port}`], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const problems: string[] = [];
  child.stderr.on('data', (data: Buffer) => problems.push(data.toString()));
  const lines = createInterface({ input: child.stdout });
  const opened = (async () => {
    for await (const line of lines) {
      const local = /127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (local) return `http://127.0.0.1:${local}`;
    }
    throw new Error(`port-forward to ${target} failed: ${problems.join('')}`);
  })();
  const url = await opened;
  child.stdout.resume();
  return {
    url,
    close: async () => {
      if (child.exitCode !== null) return;
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}
