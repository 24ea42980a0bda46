/**
 * `make bench`: time from the API server's answer to a change until the first use of the new value, beside what people
 * have today, on the same cluster in the same run. Table on stdout, all figures in `.local/bench.json`.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { localDir } from '../cluster/paths.ts';
import { install } from '../support/install.ts';
import { rolloutRotation, volumeRotation } from './baselines.ts';
import { ownRotation } from './rotation.ts';
import { summary, table, type Measurement } from './figures.ts';

const site = await install();
const namespace = `bench-${randomBytes(3).toString('hex')}`;
await site.kubectl(['create', 'namespace', namespace]);
try {
  const own = await ownRotation(site, namespace, 60);
  const rollout = await rolloutRotation(site, namespace, 8);
  const nudged = await volumeRotation(site, namespace, 8, true);
  const volume = await volumeRotation(site, namespace, 3, false);
  const name = 'rotation: change acknowledged ▸ first tool call with the new value';
  const rows: Measurement[] = [
    { name: 'kubelet Secret volume: change ▸ file', baseline: 'itself', samples: volume },
    { name: 'kubelet Secret volume with annotation nudge', baseline: 'itself', samples: nudged },
    { name: 'Deployment rollout: change ▸ new value', baseline: 'itself', samples: rollout },
    { name, baseline: 'Deployment rollout', samples: own, against: rollout },
  ];
  const results = rows.map(summary);
  console.log(`\n${table(results)}`);
  await writeFile(join(localDir, 'bench.json'), `${JSON.stringify(results, undefined, 2)}\n`);
} finally {
  await site.kubectl(['delete', 'namespace', namespace, '--wait=false']);
  await site.client.close();
}
