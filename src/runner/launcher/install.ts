/**
 * Entry of the init container: `install.mjs DIRECTORY` copies what a user's pod needs into a volume of the pod, so
 * that the user's image needs nothing of ours: this Node, the launcher and the preload.
 */
import { chmod, constants, copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

interface Copy {
  from: string;
  name: string;
  mode: number;
}

/** Each file appears whole or not at all, and whoever the program runs as may read it. */
async function install(directory: string, copies: readonly Copy[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const { from, name, mode } of copies) {
    const temporary = join(directory, `.${name}.${process.pid}`);
    try {
      await copyFile(from, temporary, constants.COPYFILE_FICLONE);
      await chmod(temporary, mode);
      await rename(temporary, join(directory, name));
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

const directory = process.argv[2];
if (directory === undefined) {
  process.stderr.write('mcpcore: install needs the directory to copy to\n');
  process.exit(64);
}
const bundle = (name: string): Copy => ({ from: join(import.meta.dirname, name), name, mode: 0o644 });
await install(directory, [
  { from: process.execPath, name: 'node', mode: 0o755 },
  bundle('launcher.mjs'),
  bundle('preload.mjs'),
]);
