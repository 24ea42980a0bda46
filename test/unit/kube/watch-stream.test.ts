/** Lines of a watch, in whatever pieces they come. */
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/api/object-meta.ts';
import { readEvents } from '../../../src/kube/watch-stream.ts';

const request = { method: 'GET' as const, path: '/api/v1/configmaps' };

async function collect(chunks: Iterable<Uint8Array>): Promise<unknown[]> {
  return Array.fromAsync(readEvents<KubeObject>(Readable.from(chunks), request));
}

function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

describe('a watch', () => {
  it('gives the same events however the bytes are cut', async () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(name, { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        async (names, cuts) => {
          const events = names.map((name) => ({ type: 'ADDED', object: { metadata: { name } } }));
          const bytes = Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
          expect(await collect(cutAt(bytes, cuts))).toEqual(events);
        },
      ),
    );
  });

  it('takes no part of a line for a line', async () => {
    const whole = '{"type":"ADDED","object":{"metadata":{"name":"a"}}}';
    expect(await collect([Buffer.from(`${whole}\n${whole}`)])).toHaveLength(1);
  });

  it('throws for an ERROR event, with its status', async () => {
    const error = {
      type: 'ERROR',
      object: { code: 410, reason: 'Expired', message: 'too old resource version: 1 (2)' },
    };
    await expect(collect([Buffer.from(`${JSON.stringify(error)}\n`)])).rejects.toMatchObject({
      httpStatus: 410,
      reason: 'Expired',
    });
  });

  it('throws for a broken line without repeating it', async () => {
    const problem = await collect([Buffer.from('{"type":"ADDED", opensesame}\n')]).catch(String);
    expect(problem).toContain('MalformedAnswer');
    expect(problem).not.toContain('opensesame');
  });
});
