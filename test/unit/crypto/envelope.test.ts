/** Stored records: they open for their place, revision and seed alone. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decryptRecord,
  encryptRecord,
  generateStorageKey,
  recordKeyId,
  type RecordScope,
} from '../../../src/crypto/envelope.ts';
import { Secret } from '../../../src/crypto/secret.ts';

const scope: RecordScope = { namespace: 'team-a', server: 'tools', key: 'API_KEY', revision: 7 };
const storage = generateStorageKey();
const plain = 'correct horse battery staple';
const record = await encryptRecord(Secret.fromText(plain), scope, storage);
const open = (text: string, where = scope, held = storage) =>
  decryptRecord(text, where, (id) => (id === held.id ? held : undefined));
const payload = Buffer.from(record.split('.')[2]!, 'base64url');
const withPayload = (bytes: Uint8Array) => `mcpe1.${storage.id}.${Buffer.from(bytes).toString('base64url')}`;
const invalid = { code: 'RecordInvalid' };

describe('a record', () => {
  it('opens to the bytes that were written, from none to 64 KiB', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 1024 }),
        fc.string(),
        fc.nat(),
        async (bytes, key, revision) => {
          const where = { ...scope, key, revision };
          const opened = await open(await encryptRecord(Secret.fromBytes(bytes), where, storage), where);
          expect(Buffer.from(opened.bytes()).equals(bytes)).toBe(true);
        },
      ),
      {
        numRuns: 50,
        examples: [
          [new Uint8Array(0), '', 0],
          [new Uint8Array(65_536).fill(9), '__proto__', 1],
        ],
      },
    );
  });

  it('is another text each time, and shares neither derivation input nor nonce', async () => {
    const again = await encryptRecord(Secret.fromText(plain), scope, storage);
    const bytes = Buffer.from(again.split('.')[2]!, 'base64url');
    for (const [from, to] of [
      [0, 32],
      [32, 64],
      [64, 76],
      [76, bytes.length],
    ]) {
      expect(bytes.subarray(from, to).equals(payload.subarray(from, to))).toBe(false);
    }
    expect(bytes.includes(plain)).toBe(false);
  });

  it('opens for no other namespace, server, key or revision', async () => {
    const others: RecordScope[] = [
      { ...scope, namespace: 'team-b' },
      { ...scope, server: 'tool' },
      { ...scope, key: 'API_KEY2' },
      { ...scope, revision: 6 },
      { ...scope, revision: 8 },
      // The same characters, cut elsewhere.
      { ...scope, namespace: 'team-at', server: 'ools' },
      { ...scope, key: 'API_KEY7', revision: 0 },
    ];
    for (const where of others) await expect(open(record, where)).rejects.toMatchObject(invalid);
  });

  it('never opens with a byte changed, in any of its parts', async () => {
    for (let at = 0; at < payload.length; at += 1) {
      for (const mask of [0x01, 0x80]) {
        const changed = Buffer.from(payload);
        changed[at]! ^= mask;
        await expect(open(withPayload(changed)), `byte ${at}`).rejects.toMatchObject(invalid);
      }
    }
  });

  it('never opens shortened or lengthened', async () => {
    for (let length = 0; length < payload.length; length += 1) {
      await expect(open(withPayload(payload.subarray(0, length))), `${length}`).rejects.toMatchObject(
        invalid,
      );
    }
    await expect(open(withPayload(Buffer.concat([payload, Buffer.of(0)])))).rejects.toMatchObject(invalid);
  });

  it('is refused in any but its one canonical encoding', async () => {
    for (const text of [`${record}=`, `${record}\n`, record.replace('mcpe1', 'mcpe2'), plain, '']) {
      await expect(open(text)).rejects.toMatchObject(invalid);
    }
  });

  it('does not open with another seed under its id', async () => {
    const other = { ...generateStorageKey(), id: storage.id };
    await expect(open(record, scope, other)).rejects.toMatchObject(invalid);
  });

  it('does not open when the same seed answers under another id', async () => {
    const renamed = { ...storage, id: 'sffffffffff' };
    const moved = record.replace(storage.id, renamed.id);
    await expect(open(moved, scope, renamed)).rejects.toMatchObject(invalid);
  });

  it('of a seed that is not held says so, and names the seed', async () => {
    await expect(open(record, scope, generateStorageKey())).rejects.toMatchObject({
      code: 'UnknownKeyId',
      details: { keyId: storage.id, field: 'values[API_KEY]' },
    });
  });

  it('tells its generation; other text has none', () => {
    expect(recordKeyId(record)).toBe(storage.id);
    expect(recordKeyId(plain)).toBeUndefined();
    expect(recordKeyId(record.replace('mcpe1', 'mcps1'))).toBeUndefined();
  });
});
