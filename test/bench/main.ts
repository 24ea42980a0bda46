/**
 * `make bench [SCENARIO=name]`: the measurements, each beside a baseline of the same run. Table on stdout, all figures
 * in `.local/bench.json`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { localDir } from '../cluster/paths.ts';
import { step } from '../cluster/progress.ts';
import { table, type Figure } from './figures.ts';
import { scenarios as redaction } from './redaction.ts';
import { rotation } from './rotation-scenario.ts';

const scenarios: Record<string, () => Promise<Figure[]>> = {
  redaction: () => Promise.resolve(redaction.flatMap(({ run }) => run())),
  rotation,
};

const wanted = process.env['SCENARIO'];
if (wanted && !Object.hasOwn(scenarios, wanted)) {
  console.error(`there is no scenario ${wanted}; there are ${Object.keys(scenarios).join(', ')}`);
  process.exit(64);
}
const figures: Figure[] = [];
for (const [name, run] of Object.entries(scenarios)) {
  if (!wanted || wanted === name) figures.push(...(await step(`measuring ${name}`, run)));
}
console.log(`\n${table(figures)}`);
await mkdir(localDir, { recursive: true });
await writeFile(join(localDir, 'bench.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
