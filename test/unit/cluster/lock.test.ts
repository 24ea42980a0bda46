/** The lock between processes: one holder at a time, and a holder that is killed leaves nothing locked. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withLock } from '../../cluster/lock.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcpcore-lock-'));
});

afterAll(() => rm(folder, { recursive: true }));

it('lets one holder in at a time', async () => {
  let inside = 0;
  const most = await Promise.all(
    Array.from({ length: 5 }, () =>
      withLock(join(folder, 'turns'), async () => {
        inside += 1;
        await new Promise((resolve) => setImmediate(resolve));
        const seen = inside;
        inside -= 1;
        return seen;
      }),
    ),
  );
  expect(most).toEqual([1, 1, 1, 1, 1]);
});

it('is free again after an error', async () => {
  const path = join(folder, 'error');
  await expect(withLock(path, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  await expect(withLock(path, () => Promise.resolve('free'))).resolves.toBe('free');
});

it('is free again when its holder is killed', async () => {
  const path = join(folder, 'killed');
  const module = new URL('../../cluster/lock.ts', import.meta.url).href;
  const script = `const { withLock } = await import(${JSON.stringify(module)});
    await withLock(${JSON.stringify(path)}, () => new Promise(() => process.stdout.write('held')));`;
  const holder = spawn(process.execPath, ['--input-type=module', '--eval', script]);
  await once(holder.stdout, 'data');
  let entered = false;
  const waiting = withLock(path, () => Promise.resolve((entered = true)));
  expect(entered).toBe(false);
  holder.kill('SIGKILL');
  await expect(waiting).resolves.toBe(true);
});
