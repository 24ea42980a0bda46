/**
 * `make test`: every check there is, with progress, and as the last line alone `N passed, N failed`. Arguments name
 * the steps to run (static, unit, integration, e2e); all of them without.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Count {
  passed: number;
  failed: number;
}

const results = await mkdtemp(join(tmpdir(), 'mcpcore-test-'));
const wanted = process.argv.slice(2);
const total: Count = { passed: 0, failed: 0 };

for (const [name, step] of Object.entries(steps())) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const started = Date.now();
  console.log(`\n== ${name}`);
  const count = await step();
  total.passed += count.passed;
  total.failed += count.failed;
  const seconds = Math.round((Date.now() - started) / 1000);
  console.log(`== ${name}: ${count.passed} passed, ${count.failed} failed in ${seconds} s`);
}
await rm(results, { recursive: true, force: true });
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

function steps(): Record<string, () => Promise<Count>> {
  return {
    static: async () => {
      const checks = [
        ['node', 'scripts/generate.ts', '--check'],
        ['prettier', '--check', '--log-level', 'warn', '.'],
        ['oxlint', '--type-aware', '--quiet'],
        ['tsc', '--noEmit'],
        ['node', 'scripts/build.ts'],
      ];
      const codes = [];
      for (const [command = '', ...args] of checks) codes.push(await run(command, args));
      const failed = codes.filter((code) => code !== 0).length;
      return { passed: codes.length - failed, failed };
    },
    unit: () => vitest('unit'),
    integration: () => vitest('integration'),
    e2e: () => vitest('e2e'),
  };
}

/** Runs one project of vitest; a run that ends without a report counts as one failure. */
async function vitest(project: string): Promise<Count> {
  const file = join(results, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const code = await run('vitest', ['run', '--project', project, ...reporters]);
  const report = await readFile(file, 'utf8').then(
    (text) =>
      JSON.parse(text) as { numPassedTests: number; numFailedTests: number; numFailedTestSuites: number },
    () => undefined,
  );
  if (!report) return { passed: 0, failed: 1 };
  // A file that fails to load has no failed test of its own.
  const failed = report.numFailedTests || (code === 0 ? 0 : 1);
  return { passed: report.numPassedTests, failed };
}

async function run(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
