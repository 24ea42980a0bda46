/** `make cluster`: brings up the cluster of this checkout. */
import { clusterUp } from './cluster.ts';
import { kubeconfigPath } from './paths.ts';
import { say } from './progress.ts';

const { kind } = await clusterUp();
say(`cluster (${kind}): KUBECONFIG=${kubeconfigPath}`);
