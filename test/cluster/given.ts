/** A cluster that the user brings: KUBECONFIG with MCP_USE_KUBECONFIG=1. It is used and otherwise left alone. */
import { rm, writeFile } from 'node:fs/promises';
import { ensurePrograms } from './binaries.ts';
import type { Cluster } from './cluster.ts';
import { kubeconfigPath } from './paths.ts';
import { run } from './process.ts';
import { say } from './progress.ts';

async function up(): Promise<void> {
  const { kubectl } = await ensurePrograms('kubectl');
  const flat = await run(kubectl, ['config', 'view', '--raw', '--flatten', '--minify']);
  await writeFile(kubeconfigPath, flat, { mode: 0o600 });
  const version = await run(kubectl, ['--kubeconfig', kubeconfigPath, 'version']);
  say(`using the cluster of KUBECONFIG (${version.trim().split('\n').at(-1)})`);
}

export const givenCluster: Cluster = {
  kind: 'given',
  up,
  down: () => rm(kubeconfigPath, { force: true }),
  loadImage: () =>
    Promise.reject(
      new Error('push the image to a registry that the cluster reaches and name it in MCPCORE_IMAGE'),
    ),
  hasImage: () => Promise.resolve(process.env['MCPCORE_IMAGE'] !== undefined),
};
