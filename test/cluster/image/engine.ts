/** A Docker engine: the machine's own if it has one, else one that lives only as long as it is used. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withLock } from '../lock.ts';
import { ensurePackages } from '../packages.ts';
import { cacheDir } from '../paths.ts';
import { isAlive, run, succeeds, waitFor } from '../process.ts';

export interface Engine {
  /** Whether it is ours: it reaches no registry of images, and containers use the network of this machine. */
  readonly temporary: boolean;
  docker(args: readonly string[]): Promise<string>;
}

/** Ends the daemon, an orderly end first; its namespaces and mounts go with it. */
async function end(pid: number, inner: number): Promise<void> {
  process.kill(inner, 'SIGTERM');
  await waitFor('end of dockerd', () => !isAlive(pid), { timeoutMs: 15_000 }).catch(() => {
    process.kill(inner, 'SIGKILL');
  });
  await waitFor('end of dockerd', () => !isAlive(pid), { timeoutMs: 15_000 });
}

/** Removes the empty cgroups that builds leave in each hierarchy. */
async function removeCgroups(name: string): Promise<void> {
  const script = `find /sys/fs/cgroup/*/${name} /sys/fs/cgroup/${name} -depth -type d -exec rmdir {} + 2> /dev/null || true`;
  await run('sh', ['-c', script]);
}

async function withTemporaryEngine<T>(use: (engine: Engine) => Promise<T>): Promise<T> {
  await ensurePackages('docker.io', 'tini', 'runc', 'containerd', 'mount');
  const runtime = await mkdtemp(join(tmpdir(), 'mcpcore-docker-'));
  const dataRoot = join(cacheDir(), 'docker');
  await mkdir(dataRoot, { recursive: true });
  const host = `unix://${join(runtime, 'docker.sock')}`;
  const settings = [
    `--host=${host}`,
    `--data-root=${dataRoot}`,
    `--exec-root=${join(runtime, 'exec')}`,
    `--pidfile=${join(runtime, 'docker.pid')}`,
    '--bridge=none',
    '--iptables=false',
    '--ip6tables=false',
    '--ip-forward=false',
  ];
  const log = openSync(join(runtime, 'dockerd.log'), 'a');
  const isolate = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...isolate, 'dockerd', ...settings], {
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const { pid } = child;
  if (pid === undefined) throw new Error('dockerd could not be started');
  const docker = (args: readonly string[]) =>
    run('docker', args, { env: { ...process.env, DOCKER_HOST: host, DOCKER_BUILDKIT: '0' } });
  try {
    await waitFor('dockerd', () => docker(['info']), { timeoutMs: 30_000, everyMs: 200 }).catch(
      async (error) => {
        const said = await readFile(join(runtime, 'dockerd.log'), 'utf8');
        throw new Error(`dockerd does not start: ${said.slice(-1500)}`, { cause: error });
      },
    );
    return await use({ temporary: true, docker });
  } finally {
    const inner = Number(await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '0'));
    if (inner > 0) await end(pid, inner);
    await removeCgroups('docker');
    await rm(runtime, { recursive: true, force: true });
  }
}

/** Runs `use` with a Docker engine. Only one process at a time uses a temporary one. */
export async function withEngine<T>(use: (engine: Engine) => Promise<T>): Promise<T> {
  if (await succeeds('docker', ['info'])) {
    return use({ temporary: false, docker: (args) => run('docker', args) });
  }
  return withLock(join(cacheDir(), 'docker.lock'), () => withTemporaryEngine(use));
}
