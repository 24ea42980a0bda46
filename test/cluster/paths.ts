/** Where the local cluster keeps things: what is slow to make in the user's cache, the rest in the checkout. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Root of the checkout. */
export const checkout = resolve(import.meta.dirname, '../..');

/** State that belongs to this checkout; deleted by `make cluster-down` and `make clean`. */
export const localDir = join(checkout, '.local');

/** kubeconfig of the cluster in use, whatever kind of cluster that is. */
export const kubeconfigPath = join(localDir, 'kubeconfig');

/** Reference of the image in use, as Deployments name it. */
export const imageReferencePath = join(localDir, 'image');

/** Cache of what takes long to build, shared by all checkouts of one user and keyed by version. */
export function cacheDir(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'mcpcore');
}
