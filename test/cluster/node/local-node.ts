/** The local cluster as a whole: brought up, judged, loaded with images and taken down. */
import { copyFile, mkdir, rm } from 'node:fs/promises';
import type { Cluster } from '../cluster.ts';
import { componentStatus, startComponent, type ComponentName } from '../control.ts';
import { ensurePrograms } from '../binaries.ts';
import { withPauseArchive } from '../image/pause.ts';
import { ensurePackages } from '../packages.ts';
import { kubeconfigPath } from '../paths.ts';
import { run, waitFor } from '../process.ts';
import { say, step } from '../progress.ts';
import { components } from './components.ts';
import { writeConfiguration } from './config.ts';
import { dnsManifests } from './dns.ts';
import { files, identity } from './identity.ts';
import { nodePid, removeNode, runInNode, startNode } from './namespaces.ts';

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  const programs = await ensurePrograms('kubectl');
  const given = input === undefined ? {} : { input };
  return run(
    programs.kubectl,
    ['--kubeconfig', files.adminKubeconfig, '--request-timeout=5s', ...args],
    given,
  );
}

/** Whether the API answers, the node takes pods, and every component runs. */
async function isHealthy(): Promise<boolean> {
  const status = Object.values(await componentStatus());
  if (status.some(({ running }) => !running)) return false;
  const ready = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
  return (await kubectl(['get', 'node', identity.nodeName, '-o', ready])) === 'True';
}

/** Starts what a test left stopped; says whether that made the cluster healthy. */
async function repair(): Promise<boolean> {
  try {
    const status = Object.entries(await componentStatus());
    for (const [name, { running }] of status) if (!running) await startComponent(name as ComponentName);
    await waitFor('cluster healthy', isHealthy, { timeoutMs: 45_000, everyMs: 500 });
    return true;
  } catch {
    return false;
  }
}

async function importImage(archive: string): Promise<void> {
  await runInNode(['ctr', '--namespace', 'k8s.io', 'images', 'import', archive]);
}

async function create(): Promise<void> {
  await mkdir(files.state, { recursive: true, mode: 0o700 });
  await writeConfiguration();
  await startNode();
  await waitFor('containerd', () => runInNode(['ctr', 'version']), { timeoutMs: 60_000, everyMs: 200 });
  await withPauseArchive(importImage);
  const manifests = JSON.stringify(dnsManifests());
  await waitFor('API server', () => kubectl(['apply', '-f', '-'], manifests), {
    timeoutMs: 120_000,
    everyMs: 500,
  });
  await waitFor('node ready', isHealthy, { timeoutMs: 120_000, everyMs: 300 });
  await waitFor('default ServiceAccount', () => kubectl(['get', 'serviceaccount', 'default']));
}

async function up(): Promise<void> {
  await ensurePackages(
    'etcd-server',
    'containerd',
    'runc',
    'containernetworking-plugins',
    'iproute2',
    'iptables',
    'conntrack',
    'socat',
    'tini',
    'mount',
  );
  await components();
  if (await isHealthy().catch(() => false)) {
    say('the local cluster is up already');
  } else if (nodePid() !== undefined && (await repair())) {
    say('the local cluster was repaired');
  } else {
    await removeNode();
    await step('starting the local cluster', create);
  }
  await copyFile(files.adminKubeconfig, kubeconfigPath);
}

async function down(): Promise<void> {
  await removeNode();
  await rm(kubeconfigPath, { force: true });
}

/** Kubernetes from its own programs on this machine, in namespaces of its own. */
export const localNode: Cluster = {
  kind: 'local',
  up,
  down,
  loadImage: importImage,
  hasImage: async (reference) => {
    const found = await runInNode(['ctr', '--namespace', 'k8s.io', 'images', 'list', '--quiet']);
    return found.split('\n').includes(`docker.io/library/${reference}`);
  },
};
