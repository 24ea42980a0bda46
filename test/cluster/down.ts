/** `make cluster-down`: takes the cluster of this checkout down. */
import { clusterDown } from './cluster.ts';
import { say } from './progress.ts';

await clusterDown();
say('no cluster of this checkout runs any more');
