/** What goes into the image, as one hash: the same hash is the same image. */
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkout } from '../paths.ts';

/** Files of the checkout, beside the folder `src`, that the Dockerfile uses. */
export const singleSources = [
  'Dockerfile',
  '.dockerignore',
  'package.json',
  'package-lock.json',
  '.npmrc',
  'scripts/build.ts',
];

/** First 12 hexadecimal digits of the SHA-256 over names and contents. */
export async function sourceHash(): Promise<string> {
  const entries = await readdir(join(checkout, 'src'), { recursive: true, withFileTypes: true });
  const sources = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const paths = [...singleSources.map((name) => join(checkout, name)), ...sources].sort();
  const hash = createHash('sha256');
  for (const path of paths) {
    const content = await readFile(path);
    hash.update(`${path.slice(checkout.length)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 12);
}
