/** The cluster by kind, where a Docker engine can pull its node image. */
import { rm } from 'node:fs/promises';
import { ensurePrograms, versions } from './binaries.ts';
import type { Cluster } from './cluster.ts';
import { identity } from './node/identity.ts';
import { kubeconfigPath } from './paths.ts';
import { run, succeeds } from './process.ts';
import { say, step } from './progress.ts';

const name = identity.namespace;
const nodeImage = `kindest/node:v${versions.kubernetes}`;

async function kind(...args: string[]): Promise<string> {
  const programs = await ensurePrograms('kind');
  return run(programs.kind, args);
}

/** Whether a Docker engine runs here and has, or can pull, kind's node image. */
export async function kindWorks(): Promise<boolean> {
  if (!(await succeeds('docker', ['info']))) return false;
  if (await succeeds('docker', ['image', 'inspect', nodeImage])) return true;
  return step(`pulling ${nodeImage}`, () => succeeds('docker', ['pull', '--quiet', nodeImage]));
}

async function up(): Promise<void> {
  const existing = (await kind('get', 'clusters')).split('\n');
  if (existing.includes(name)) say('the kind cluster is up already');
  else {
    await step('creating the kind cluster', () =>
      kind(
        'create',
        'cluster',
        '--name',
        name,
        '--image',
        nodeImage,
        '--wait',
        '120s',
        '--kubeconfig',
        kubeconfigPath,
      ),
    );
  }
  await kind('export', 'kubeconfig', '--name', name, '--kubeconfig', kubeconfigPath);
}

export const kindCluster: Cluster = {
  kind: 'kind',
  up,
  down: async () => {
    await kind('delete', 'cluster', '--name', name, '--kubeconfig', kubeconfigPath);
    await rm(kubeconfigPath, { force: true });
  },
  loadImage: async (archive) => {
    await kind('load', 'image-archive', archive, '--name', name);
  },
  hasImage: async (reference) => {
    const node = `${name}-control-plane`;
    const found = await run('docker', ['exec', node, 'ctr', '-n', 'k8s.io', 'images', 'list', '--quiet']);
    return found.split('\n').includes(`docker.io/library/${reference}`);
  },
};
