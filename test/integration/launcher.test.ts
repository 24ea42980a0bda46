/** The launcher as a process, in front of real programs and with a real gateway: values, redaction, signals, endings. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestGateway } from '../support/env-gateway.ts';
import { waitFor } from '../support/wait.ts';

const launcher = new URL('../../src/runner/launcher/', import.meta.url).pathname;
const token = 'ghp_0123456789abcdef"x';
const node = process.execPath;
let gateway: TestGateway;
let dir: string;
let count = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mcpcore-launcher-'));
});

beforeEach(async () => {
  await gateway?.close();
  gateway = await TestGateway.start();
  gateway.state = { revision: 1, values: { TOKEN: token, GONE: 'will be deleted' } };
});

afterAll(async () => {
  await gateway?.close();
  await rm(dir, { recursive: true, force: true });
});

interface Launched {
  child: ChildProcess;
  socket: string;
  out(): string;
  err(): string;
  ended: Promise<{
    code: number | null;
    signal: NodeJS.Signals | null;
    out: string;
    err: string;
    bytes: number;
  }>;
}

const launch = (...command: string[]) => launchFrom(launcher, ...command);

function launchFrom(place: string, ...command: string[]): Launched {
  const socket = join(dir, `env-${(count += 1)}.sock`);
  const child = spawn(node, [join(place, 'main.ts'), '--', ...command], {
    env: {
      PATH: process.env['PATH'],
      MCPCORE_URL: gateway.url,
      MCPCORE_NAMESPACE: 'team',
      MCPCORE_SERVER: 'tools',
      MCPCORE_IDENTITY_DIR: gateway.identityDir,
      MCPCORE_SOCKET: socket,
      NODE_OPTIONS: `--import=${join(place, 'preload.ts')}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  let bytes = 0;
  child.stdout.on('data', (data: Buffer) => {
    bytes += data.length;
    if (out.length < 100_000) out += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => (err += data.toString()));
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    out,
    err,
    bytes,
  }));
  return { child, socket, out: () => out, err: () => err, ended };
}

const script = (code: string) => launch(node, '-e', code).ended;

describe('a program', () => {
  it('has its values before its first line runs, and not in its environment', async () => {
    const { out, code } = await script(
      'console.log(env.TOKEN.length, Object.keys(env).length, env.nope, JSON.stringify(process.env).includes("ghp_"))',
    );
    expect(out).toBe('22 0 undefined false\n');
    expect(code).toBe(0);
  });

  it('sees a rotation and a deletion without a restart; the gateway is told when it does', async () => {
    const program = launch(
      node,
      '-e',
      'setInterval(() => { console.log(env.TOKEN.length, env.GONE === undefined); if (env.TOKEN.length === 12) process.exit(0); }, 10)',
    );
    await waitFor('the first values', () => program.out().includes('22 false'));
    expect((await stat(program.socket)).mode & 0o777).toBe(0o600);
    await gateway.setEnv({ revision: 2, values: { TOKEN: 'rotated-12ch' } });
    const { out, code } = await program.ended;
    expect(out).toContain('12 true');
    expect(code).toBe(0);
    expect(gateway.acks).toContain(2);
  });

  it('has them also where the runtime lies behind a link, as below /var/run', async () => {
    const link = join(dir, 'link');
    await symlink(launcher, link);
    expect((await launchFrom(link, node, '-e', 'console.log(env.TOKEN.length)').ended).out).toBe('22\n');
  });

  it('hands its values on to Node processes and workers that it starts', async () => {
    const worker = join(dir, 'worker.cjs');
    await writeFile(worker, 'console.log("worker", env.TOKEN.length)');
    const { out } = await script(`
      const { Worker } = require('node:worker_threads');
      const { spawnSync } = require('node:child_process');
      new Worker(${JSON.stringify(worker)}).on('exit', () => {
        console.log('child', spawnSync(process.execPath, ['-p', 'env.TOKEN.length'], { encoding: 'utf8' }).stdout);
      });`);
    expect(out).toContain('worker 22');
    expect(out).toContain('child 22');
  });

  it('is not started without values, says so, and can be ended meanwhile', async () => {
    gateway.state = undefined;
    const program = launch(node, '-e', 'console.log("ran")');
    await waitFor('the connection', () => gateway.connections > 0);
    program.child.kill('SIGTERM');
    const { code, out } = await program.ended;
    expect(code).toBe(143);
    expect(out).toBe('');
  });

  it('does not run when the launcher is gone', async () => {
    const env = {
      NODE_OPTIONS: `--import=${join(launcher, 'preload.ts')}`,
      MCPCORE_SERVER: 'tools',
      MCPCORE_SOCKET: join(dir, 'none.sock'),
    };
    const child = spawn(node, ['-e', 'console.log("ran")'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const written: Record<'out' | 'err', string[]> = { out: [], err: [] };
    child.stdout.on('data', (data: Buffer) => written.out.push(data.toString()));
    child.stderr.on('data', (data: Buffer) => written.err.push(data.toString()));
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(1);
    expect(written.err.join('')).toContain('not available');
    expect(written.out).toEqual([]);
  });
});

describe('what a program writes', () => {
  it('is redacted, in any spelling', async () => {
    const { out, err } = await script(
      'console.log(env.TOKEN, JSON.stringify(env.TOKEN)); console.error(Buffer.from(env.TOKEN).toString("base64"))',
    );
    expect(out + err).not.toContain('0123456789');
    expect(out).toBe('[redacted:TOKEN] "[redacted:TOKEN]"\n');
    expect(err).toContain('[redacted:TOKEN]');
  });

  it('is redacted when it comes in pieces, and from a process that outlives the program', async () => {
    const file = join(dir, 'go-on');
    const parts = `printf ghp_0123; while [ ! -e ${file} ]; do :; done; printf '456789abcdef"x\\n'`;
    const program = launch('sh', '-c', `${parts}; (printf 'late ghp_0123456789abcdef"x' >&2) &`);
    await waitFor('the launcher to be under way', () => gateway.acks.includes(1));
    await writeFile(file, '');
    const { out, err } = await program.ended;
    expect(out).toBe('[redacted:TOKEN]\n');
    expect(err).toContain('late [redacted:TOKEN]');
  });

  it('is otherwise left as it is, to the last of many bytes', async () => {
    const { bytes } = await script(`
      const block = Buffer.alloc(1 << 20, 'line of ordinary text\\n');
      let left = 50;
      (function write() {
        while (left-- > 0) if (!process.stdout.write(block)) return process.stdout.once('drain', write);
      })();`);
    expect(bytes).toBe(50 << 20);
    const all = 'process.stdout.write(Buffer.from(Array.from({ length: 256 }, (_, i) => i)))';
    expect((await script(all)).bytes).toBe(256);
  });
});

describe('the end of a program', () => {
  it('is the end of the launcher: code or signal', async () => {
    expect((await launch('sh', '-c', 'exit 37').ended).code).toBe(37);
    expect((await launch('sh', '-c', 'kill -KILL $$').ended).signal).toBe('SIGKILL');
  });

  it('that can not be started is said as a shell says it', async () => {
    const missing = await launch('/nonexistent').ended;
    expect(missing.code).toBe(127);
    expect(missing.err).toContain('cannot start /nonexistent: it is not in the image');
    const plain = join(dir, 'plain');
    await writeFile(plain, 'x', { mode: 0o644 });
    expect((await launch(plain).ended).code).toBe(126);
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const)(
    '%s is passed on',
    async (signal) => {
      const program = launch(
        node,
        '-e',
        `process.on('${signal}', () => process.exit(3)); console.log('ready'); setInterval(() => {}, 1000);`,
      );
      await waitFor('the program', () => program.out().includes('ready'));
      program.child.kill(signal);
      expect((await program.ended).code).toBe(3);
    },
  );
});

describe('install', () => {
  it('copies what a pod needs, whole and executable', async () => {
    const target = join(dir, 'runtime');
    const build = spawn(node, ['scripts/build.ts'], {
      cwd: new URL('../..', import.meta.url),
      stdio: 'ignore',
    });
    expect(await once(build, 'exit')).toEqual([0, null]);
    const install = new URL('../../dist/runtime/install.mjs', import.meta.url).pathname;
    const copied = spawn(node, [install, target], { stdio: 'ignore' });
    expect(await once(copied, 'exit')).toEqual([0, null]);
    expect((await stat(join(target, 'node'))).mode & 0o777).toBe(0o755);
    for (const name of ['launcher.mjs', 'preload.mjs']) {
      expect((await readFile(join(target, name))).length).toBeGreaterThan(1000);
    }
  });
});
