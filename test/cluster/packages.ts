/** Programs that Debian packages bring: installed on demand, without starting any service. */
import { access, chmod, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDir } from './paths.ts';
import { withLock } from './lock.ts';
import { run } from './process.ts';
import { step } from './progress.ts';

/** A package and one file that it installs, by which its presence is seen. */
const packages = {
  'etcd-server': '/usr/bin/etcd',
  containerd: '/usr/bin/containerd',
  runc: '/usr/sbin/runc',
  'containernetworking-plugins': '/usr/lib/cni/bridge',
  iproute2: '/sbin/ip',
  iptables: '/usr/sbin/iptables',
  conntrack: '/usr/sbin/conntrack',
  socat: '/usr/bin/socat',
  tini: '/usr/bin/tini-static',
  mount: '/bin/mount',
  unzip: '/usr/bin/unzip',
  'docker.io': '/usr/sbin/dockerd',
  mmdebstrap: '/usr/bin/mmdebstrap',
} as const;

export type PackageName = keyof typeof packages;

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

async function missing(names: readonly PackageName[]): Promise<PackageName[]> {
  const present = await Promise.all(names.map((name) => exists(packages[name])));
  return names.filter((_, index) => !present[index]);
}

/**
 * Keeps dpkg from starting the services of new packages while `work` runs (Debian policy, invoke-rc.d).
 * A policy that the machine has already is left alone.
 */
async function withoutServices<T>(work: () => Promise<T>): Promise<T> {
  const policy = '/usr/sbin/policy-rc.d';
  if (await exists(policy)) return work();
  await writeFile(policy, '#!/bin/sh\nexit 101\n');
  await chmod(policy, 0o755);
  try {
    return await work();
  } finally {
    await rm(policy, { force: true });
  }
}

/**
 * Makes sure that the packages are installed.
 * @throws Error that says what to install when this machine is no Debian or we are not root.
 */
export async function ensurePackages(...names: PackageName[]): Promise<void> {
  if ((await missing(names)).length === 0) return;
  await withLock(join(cacheDir(), 'apt.lock'), async () => {
    const wanted = await missing(names);
    if (wanted.length === 0) return;
    if (process.getuid?.() !== 0 || !(await exists('/usr/bin/apt-get'))) {
      throw new Error(`install these programs first: ${wanted.map((name) => packages[name]).join(', ')}`);
    }
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const apt = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
    await step(`installing ${wanted.join(', ')}`, () =>
      withoutServices(async () => {
        await run('apt-get', [...apt, 'update'], { env });
        await run('apt-get', [...apt, 'install', '-y', '--no-install-recommends', ...wanted], { env });
      }),
    );
  });
}
