/** Looks for a planted value wherever a cluster could have kept it. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlPlane } from '../cluster/control-plane.ts';

/** Every spelling in which a value could lie about: as it is, base64 at each alignment, hex, in a URL, in JSON. */
export function spellings(canary: string): string[] {
  const aligned = [0, 1, 2].map((offset) =>
    Buffer.from(' '.repeat(offset) + canary)
      .toString('base64')
      .slice(offset === 0 ? 0 : 4, -4),
  );
  const hex = Buffer.from(canary).toString('hex');
  return [
    canary,
    ...aligned,
    ...aligned.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    hex,
    hex.toUpperCase(),
    encodeURIComponent(canary),
    JSON.stringify(canary).slice(1, -1),
  ];
}

/** Names of the places that hold the canary: files of etcd, logs of the API server, objects as YAML, given texts. */
export async function placesOf(
  canary: string,
  plane: ControlPlane,
  kinds: readonly string[],
  texts: Readonly<Record<string, string>>,
): Promise<string[]> {
  const entries = await readdir(plane.etcdDir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const places = new Map<string, Buffer>(
    Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)]),
  );
  for (const file of [...files, plane.apiserverLog, plane.auditLog]) places.set(file, await readFile(file));
  for (const kind of kinds) {
    const yaml = await plane.kubectl(['get', kind, '-A', '-o', 'yaml', '--show-managed-fields']);
    places.set(`${kind} as YAML`, Buffer.from(yaml));
  }
  return [...places]
    .filter(([, content]) => spellings(canary).some((spelling) => content.includes(spelling)))
    .map(([name]) => name);
}
