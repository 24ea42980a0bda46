/** From the API server's answer to a change until the first use of the new value: ours, and what people have today. */
import { randomBytes } from 'node:crypto';
import { install } from '../support/install.ts';
import { rolloutRotation, volumeRotation } from './baselines.ts';
import { summary, type Figure, type Measurement } from './figures.ts';
import { ownRotation } from './rotation.ts';

/** Measures on the real cluster; takes a few minutes, most of them for the kubelet's volumes. */
export async function rotation(): Promise<Figure[]> {
  const site = await install();
  const namespace = `bench-${randomBytes(3).toString('hex')}`;
  await site.kubectl(['create', 'namespace', namespace]);
  try {
    const own = await ownRotation(site, namespace, 60);
    const rollout = await rolloutRotation(site, namespace, 8);
    const nudged = await volumeRotation(site, namespace, 8, true);
    const volume = await volumeRotation(site, namespace, 3, false);
    const name = 'rotation: change acknowledged ▸ tool call with the new value';
    const measurements: Measurement[] = [
      { name, samples: own, baseline: 'Deployment rollout', against: rollout },
      { name, samples: own, baseline: 'Secret volume, pod annotated', against: nudged },
      { name, samples: own, baseline: 'Secret volume', against: volume },
      { name: 'Deployment rollout: change ▸ new pod has the value', samples: rollout, baseline: 'itself' },
      { name: 'Secret volume, pod annotated: change ▸ file', samples: nudged, baseline: 'itself' },
      { name: 'Secret volume: change ▸ file', samples: volume, baseline: 'itself' },
    ];
    return measurements.map(summary);
  } finally {
    await site.kubectl(['delete', 'namespace', namespace, '--wait=false']);
    await site.client.close();
  }
}
