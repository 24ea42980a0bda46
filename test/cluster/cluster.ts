/** Which cluster this checkout works with: the user's own, kind, or the local node. */
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { givenCluster } from './given.ts';
import { kindCluster, kindWorks } from './kind.ts';
import { withLock } from './lock.ts';
import { localNode } from './node/local-node.ts';
import { localDir } from './paths.ts';

export interface Cluster {
  readonly kind: 'given' | 'kind' | 'local';
  /** Brings it up unless it is healthy already, and writes `.local/kubeconfig`. */
  up(): Promise<void>;
  /** Takes it down and leaves nothing behind; does nothing when there is none. */
  down(): Promise<void>;
  /** Loads an image from a file in the format of `docker save`. */
  loadImage(archive: string): Promise<void>;
  /** Whether an image, by its short reference such as mcpcore:1a2b, is there. */
  hasImage(reference: string): Promise<boolean>;
}

const clusters: readonly Cluster[] = [givenCluster, kindCluster, localNode];
const choicePath = join(localDir, 'cluster-kind');

async function choose(): Promise<Cluster> {
  if (process.env['MCP_USE_KUBECONFIG'] === '1') return givenCluster;
  return (await kindWorks()) ? kindCluster : localNode;
}

/** The cluster that was chosen when it was brought up; undefined when none is up. */
export async function currentCluster(): Promise<Cluster | undefined> {
  if (!existsSync(choicePath)) return undefined;
  const kind = (await readFile(choicePath, 'utf8')).trim();
  return clusters.find((cluster) => cluster.kind === kind);
}

/** Two commands at once in one checkout take turns. */
const exclusively = <T>(work: () => Promise<T>) => withLock(join(localDir, 'cluster.lock'), work);

/** Brings the cluster up: the one in use if there is one, else the first that works here. */
export function clusterUp(): Promise<Cluster> {
  return exclusively(async () => {
    const given = process.env['MCP_USE_KUBECONFIG'] === '1' ? givenCluster : undefined;
    const cluster = given ?? (await currentCluster()) ?? (await choose());
    await writeFile(choicePath, `${cluster.kind}\n`);
    await cluster.up();
    return cluster;
  });
}

/** Takes down the cluster in use. */
export function clusterDown(): Promise<void> {
  return exclusively(async () => {
    // Without a record there may still be the remains of a node that was interrupted while it started.
    await ((await currentCluster()) ?? localNode).down();
    await rm(choicePath, { force: true });
  });
}
