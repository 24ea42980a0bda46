/** The image of the container that holds each pod's namespaces: one static program. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensurePrograms } from '../binaries.ts';
import { pauseImage } from '../node/config.ts';
import { run } from '../process.ts';

/** Makes the image in the format of `docker save` and removes it after its use. */
export async function withPauseArchive<T>(use: (path: string) => Promise<T>): Promise<T> {
  const { pause } = await ensurePrograms('pause');
  const folder = await mkdtemp(join(tmpdir(), 'mcpcore-pause-'));
  try {
    await mkdir(join(folder, 'root'));
    await copyFile(pause, join(folder, 'root', 'pause'));
    const owner = ['--owner=0', '--group=0', '--mtime=@0'];
    await run('tar', [...owner, '-cf', join(folder, 'layer.tar'), '-C', join(folder, 'root'), 'pause']);
    const layer = createHash('sha256')
      .update(await readFile(join(folder, 'layer.tar')))
      .digest('hex');
    const config = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Entrypoint: ['/pause'], User: '65532:65532' },
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
    };
    const manifest = [{ Config: 'config.json', RepoTags: [pauseImage], Layers: ['layer.tar'] }];
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
    const archive = join(folder, 'image.tar');
    await run('tar', [...owner, '-cf', archive, '-C', folder, 'manifest.json', 'config.json', 'layer.tar']);
    return await use(archive);
  } finally {
    await rm(folder, { recursive: true });
  }
}
