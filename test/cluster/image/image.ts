/** The project's image: built from the Dockerfile when its sources changed, and loaded into the cluster. */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { currentCluster } from '../cluster.ts';
import { cacheDir, checkout, imageReferencePath, localDir } from '../paths.ts';
import { run } from '../process.ts';
import { say, step } from '../progress.ts';
import { ensureBase } from './base.ts';
import { withEngine, type Engine } from './engine.ts';
import { singleSources, sourceHash } from './sources.ts';

/** Archives of earlier builds that are kept, so that going back to a commit is quick. */
const kept = 3;

const images = () => join(cacheDir(), 'images');

/** Says in two files of the build's context how npm reaches its registry from this machine. */
async function addNpmSettings(context: string): Promise<void> {
  const ask = async (name: string) => (await run('npm', ['config', 'get', name], { cwd: context })).trim();
  const texts = await Promise.all(
    ['globalconfig', 'userconfig'].map(async (name) => readFile(await ask(name), 'utf8').catch(() => '')),
  );
  const lines = texts.join('\n').split('\n');
  const settings = lines.filter((line) => !/^\s*(cafile|prefix|cache|nodedir)\s*=/.test(line));
  const text = [...settings, `registry=${await ask('registry')}`, ''].join('\n');
  await writeFile(join(context, '.npmrc.build'), text, { mode: 0o600 });
  const authority = process.env['NODE_EXTRA_CA_CERTS'];
  if (authority && existsSync(authority)) await cp(authority, join(context, '.ca.build'));
}

/** Copies into `context` what the Dockerfile uses; the checkout itself stays free of this machine's settings. */
async function fillContext(context: string): Promise<void> {
  for (const path of [...singleSources, 'src']) {
    await cp(join(checkout, path), join(context, path), { recursive: true });
  }
  await addNpmSettings(context);
}

/** The build's base image: the public one where it can be pulled, else one made here. */
async function baseArguments(engine: Engine): Promise<string[]> {
  if (!engine.temporary) return [];
  const base = await ensureBase();
  const present = await engine.docker(['image', 'inspect', base.reference]).catch(() => undefined);
  if (present === undefined) await engine.docker(['import', base.rootfs, base.reference]);
  return ['--network=host', '--build-arg', `BASE_IMAGE=${base.reference}`];
}

async function build(engine: Engine, reference: string, archive: string): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'mcpcore-image-'));
  try {
    await fillContext(context);
    const base = await baseArguments(engine);
    await step(`building image ${reference}`, () =>
      engine.docker(['build', '--quiet', '--tag', reference, ...base, context]),
    );
    await mkdir(images(), { recursive: true });
    await engine.docker(['save', '--output', `${archive}.new`, reference]);
    await rename(`${archive}.new`, archive);
    // The archive is what is used; layers stay cached, names would only pile up.
    if (!engine.temporary) return;
    await engine.docker(['image', 'rm', '--no-prune', reference]);
    await engine.docker(['image', 'prune', '--force', '--filter', 'until=72h']);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

async function removeOldArchives(): Promise<void> {
  const names = (await readdir(images())).filter((name) => /^mcpcore-[0-9a-f]+\.tar$/.test(name));
  const dated = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(images(), name))).mtimeMs })),
  );
  const old = dated.sort((a, b) => b.at - a.at).slice(kept);
  await Promise.all(old.map(({ name }) => rm(join(images(), name), { force: true })));
}

/**
 * Makes sure that the image of the present sources exists and that the cluster, if one is up, has it.
 * Returns its reference, which is also written to `.local/image`. MCPCORE_IMAGE names a ready one instead.
 */
export async function ensureImage(): Promise<string> {
  const given = process.env['MCPCORE_IMAGE'];
  const reference = given ?? `mcpcore:${await sourceHash()}`;
  await mkdir(localDir, { recursive: true });
  if (!given) await ensureLoaded(reference);
  await writeFile(imageReferencePath, `${reference}\n`);
  return reference;
}

async function ensureLoaded(reference: string): Promise<void> {
  const cluster = await currentCluster();
  const archive = join(images(), `${reference.replace(':', '-')}.tar`);
  if (await cluster?.hasImage(reference)) return say(`image ${reference} is in the cluster already`);
  if (!existsSync(archive)) {
    await withEngine((engine) => build(engine, reference, archive));
    await removeOldArchives();
  }
  if (cluster) await step('loading the image into the cluster', () => cluster.loadImage(archive));
}
