/** Reads the lines of a watch. */
import type { Readable } from 'node:stream';
import type { KubeObject } from '../api/object-meta.ts';
import { KubeError, type KubeStatus } from './errors.ts';

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; object: { metadata: { resourceVersion: string } } };

/** Yields the events of a watch's body. Throws KubeError for an ERROR event and SyntaxError for a broken line. */
export async function* readEvents<T extends KubeObject>(
  body: Readable,
  path: string,
): AsyncGenerator<WatchEvent<T>> {
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  for await (const chunk of body) {
    const [head = '', ...rest] = decoder.decode(chunk as Uint8Array, { stream: true }).split('\n');
    pieces.push(head);
    for (const line of rest) {
      const text = pieces.join('');
      pieces = [line];
      if (text.length > 0) yield parseEvent<T>(text, path);
    }
  }
}

function parseEvent<T>(line: string, path: string): WatchEvent<T> {
  const event = JSON.parse(line) as WatchEvent<T> | { type: 'ERROR'; object: KubeStatus };
  if (event.type === 'ERROR') throw new KubeError('GET', path, event.object.code ?? 500, event.object);
  return event;
}
