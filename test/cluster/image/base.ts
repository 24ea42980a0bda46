/** A base image made on this machine, for where no registry of images is in reach: Debian and Node. */
import {
  access,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensurePackages } from '../packages.ts';
import { cacheDir } from '../paths.ts';
import { run } from '../process.ts';
import { step } from '../progress.ts';

/** An image by its reference, and the file that holds its root file system. */
export interface BaseImage {
  reference: string;
  rootfs: string;
}

const include = ['libstdc++6', 'ca-certificates'];

async function release(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8');
  const name = /^VERSION_CODENAME=(\w+)/m.exec(text)?.[1];
  if (!name) throw new Error('this machine is no Debian; pull a base image with a Docker engine instead');
  return name;
}

/** The distribution's own package sources of this machine, and how it reaches them. */
async function aptSettings(folder: string): Promise<string[]> {
  const listed = await readdir('/etc/apt/sources.list.d').catch(() => []);
  const own = listed.filter((name) => name === 'debian.sources' || name === 'ubuntu.sources');
  const classic = await readFile('/etc/apt/sources.list', 'utf8').catch(() => '');
  const sources = own.map((name) => `/etc/apt/sources.list.d/${name}`);
  if (/^deb /m.test(classic)) sources.push('/etc/apt/sources.list');
  const options = join(folder, 'apt.conf');
  await writeFile(options, await run('apt-config', ['dump', '--format', '%F "%v";%n', 'Acquire']));
  return [`--aptopt=${options}`, await release(), join(folder, 'debian.tar'), ...sources];
}

/** Node and npm as the official image has them: under /usr/local. */
async function addNode(folder: string): Promise<void> {
  const local = join(folder, 'node', 'usr/local');
  await mkdir(join(local, 'bin'), { recursive: true });
  await mkdir(join(local, 'lib/node_modules'), { recursive: true });
  await cp(process.execPath, join(local, 'bin/node'));
  // The npm that this machine has; Node's npm package brings none.
  const program = (await run('sh', ['-c', 'realpath "$(command -v npm)"'])).trim();
  await cp(dirname(dirname(program)), join(local, 'lib/node_modules/npm'), { recursive: true });
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
  const archive = ['--append', '--owner=0', '--group=0', '--file', join(folder, 'debian.tar')];
  // Folders that Debian has already must not come a second time; the engine refuses such an archive.
  const added = ['usr/local/bin/node', 'usr/local/bin/npm', 'usr/local/lib/node_modules'];
  await run('tar', [...archive, '-C', join(folder, 'node'), ...added]);
}

async function make(rootfs: string): Promise<void> {
  await ensurePackages('mmdebstrap');
  const folder = await mkdtemp(join(tmpdir(), 'mcpcore-base-'));
  try {
    await run('chmod', ['755', folder]);
    const settings = await aptSettings(folder);
    await run('mmdebstrap', [
      '--quiet',
      '--variant=essential',
      `--include=${include.join(',')}`,
      ...settings,
    ]);
    await addNode(folder);
    await mkdir(join(cacheDir(), 'images'), { recursive: true });
    await run('cp', [join(folder, 'debian.tar'), `${rootfs}.new`]);
    await rename(`${rootfs}.new`, rootfs);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Makes the base image unless the cache has it for this Debian and this Node. */
export async function ensureBase(): Promise<BaseImage> {
  const recipe = [await release(), process.version, process.arch, ...include].join(' ');
  const key = createHash('sha256').update(recipe).digest('hex').slice(0, 12);
  const rootfs = join(cacheDir(), 'images', `base-${key}.tar`);
  const present = await access(rootfs).then(
    () => true,
    () => false,
  );
  if (!present)
    await step('making a base image, first time only, takes about 30 seconds', () => make(rootfs));
  return { reference: `mcpcore-base:${key}`, rootfs };
}
