/** Reads the lines of a watch. */
import type { Readable } from 'node:stream';
import type { KubeObject } from '../api/object-meta.ts';
import { KubeError, type KubeStatus } from './errors.ts';
import { failure, parseJson } from './transport.ts';

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  | { type: 'BOOKMARK'; object: { metadata: { resourceVersion: string } } };

interface WatchRequest {
  method: 'GET';
  path: string;
  signal?: AbortSignal;
}

/** Yields the events of a watch's body. Throws KubeError for an ERROR event, a broken line and a lost connection. */
export async function* readEvents<T extends KubeObject>(
  body: Readable,
  request: WatchRequest,
): AsyncGenerator<WatchEvent<T>> {
  for await (const line of readLines(body, request)) {
    yield parseEvent<T>(line, request);
  }
}

async function* readLines(body: Readable, request: WatchRequest): AsyncGenerator<string> {
  const splitter = new LineSplitter();
  try {
    for await (const chunk of body) yield* splitter.push(chunk as Uint8Array);
  } catch (error) {
    throw failure(request, error);
  }
}

/** Cuts bytes into lines. What a lost connection leaves of a last one is no line. */
class LineSplitter {
  readonly #decoder = new TextDecoder();
  #pieces: string[] = [];

  push(chunk: Uint8Array): string[] {
    const [head = '', ...rest] = this.#decoder.decode(chunk, { stream: true }).split('\n');
    this.#pieces.push(head);
    const lines = rest.map((next) => {
      const line = this.#pieces.join('');
      this.#pieces = [next];
      return line;
    });
    return lines.filter((line) => line.length > 0);
  }
}

function parseEvent<T>(line: string, request: WatchRequest): WatchEvent<T> {
  const event = parseJson(line, request) as WatchEvent<T> | { type: 'ERROR'; object: KubeStatus };
  if (event.type !== 'ERROR') return event;
  throw new KubeError(request.method, request.path, event.object.code ?? 500, event.object);
}
