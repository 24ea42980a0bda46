/** Sealed values: they open for their scope and key alone, and a text that was touched never opens. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../../src/api/errors.ts';
import { generateSealingKey, seal, unseal } from '../../../src/crypto/seal.ts';
import { Secret } from '../../../src/crypto/secret.ts';

const scope = { namespace: 'team-a', server: 'tools', key: 'API_KEY' };
const plain = 'correct horse battery staple';
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const key = { 'x-wing': await generateSealingKey('x-wing'), x25519: await generateSealingKey('x25519') };
const text = {
  'x-wing': await seal(Secret.fromText(plain), scope, key['x-wing']),
  x25519: await seal(Secret.fromText(plain), scope, key.x25519),
};
const keys = Object.values(key);
const open = (sealed: string, where = scope) =>
  unseal(sealed, where, (id) => keys.find((key) => key.id === id));

const payloadOf = (sealed: string) => Buffer.from(sealed.split('.')[2]!, 'base64url');

/** Another payload under the same key id, with a checksum that fits, as an attacker would write it. */
function forge(sealed: string, change: (body: Buffer) => Uint8Array | void): string {
  const head = sealed.split('.').slice(0, 2).join('.');
  const body = Buffer.from(payloadOf(sealed).subarray(0, -4));
  const changed = change(body) ?? body;
  const checksum = createHash('sha256').update(`${head}.`).update(changed).digest().subarray(0, 4);
  return `${head}.${Buffer.concat([changed, checksum]).toString('base64url')}`;
}

async function expectCode(opening: Promise<Secret>, code: ErrorCode): Promise<void> {
  await expect(opening).rejects.toMatchObject({ code });
}

describe.each(['x-wing', 'x25519'] as const)('a value sealed by %s', (suite) => {
  it('opens to the bytes that were sealed, from none to 64 KiB', async () => {
    const values = fc.oneof(
      { weight: 1, arbitrary: fc.constantFrom(new Uint8Array(0), new Uint8Array(65_536).fill(0xa5)) },
      { weight: 2, arbitrary: fc.uint8Array({ maxLength: 512 }) },
    );
    await fc.assert(
      fc.asyncProperty(values, fc.string(), async (bytes, name) => {
        const where = { ...scope, key: name };
        const opened = await open(await seal(Secret.fromBytes(bytes), where, key[suite]), where);
        expect(Buffer.from(opened.bytes()).equals(bytes)).toBe(true);
      }),
      {
        numRuns: 30,
        examples: [
          [new Uint8Array(0), ''],
          [new Uint8Array(65_536).fill(7), '__proto__'],
        ],
      },
    );
  });

  it('gives another text each time, which names its key and does not hold the value', async () => {
    const again = await seal(Secret.fromText(plain), scope, key[suite]);
    expect(again).not.toBe(text[suite]);
    expect(again).toMatch(new RegExp(`^mcps1\\.${key[suite].id}\\.`));
    expect(payloadOf(again).includes(plain)).toBe(false);
  });

  it('opens for no other namespace, server or key', async () => {
    const other = fc.record({ namespace: fc.string(), server: fc.string(), key: fc.string() });
    const shifted = { ...scope, namespace: 'team-at', server: 'ools' };
    const examples = [
      { ...scope, namespace: 'team-b' },
      { ...scope, server: 'tools2' },
      { ...scope, key: 'API_KEY2' },
      shifted,
    ].map((scope) => [scope] as [typeof scope]);
    await fc.assert(
      fc.asyncProperty(other, (where) => expectCode(open(text[suite], where), 'ScopeMismatch')),
      { numRuns: 30, examples },
    );
  });

  it('stays closed elsewhere even with the fingerprint of that place: the cipher itself is bound to it', async () => {
    const where = { ...scope, server: 'another' };
    const fingerprint = payloadOf(await seal(Secret.fromText(''), where, key[suite])).subarray(1, 9);
    await expectCode(
      open(
        forge(text[suite], (body) => void fingerprint.copy(body, 1)),
        where,
      ),
      'Corrupt',
    );
  });

  it('never opens with one character changed, wherever it is', async () => {
    const sealed = text[suite];
    const codes: ErrorCode[] = ['InvalidSealedValue', 'UnsupportedVersion', 'Corrupt'];
    for (let at = 0; at < sealed.length; at += 1) {
      const now = alphabet.indexOf(sealed[at]!);
      // A step of 16 changes a bit that counts even in a last digit, which has up to four unused ones.
      for (const step of [1, 4, 16]) {
        const changed = sealed.slice(0, at) + alphabet[(now + step) % 64] + sealed.slice(at + 1);
        const error: unknown = await open(changed).catch((error: unknown) => error);
        expect(codes, `character ${at} moved by ${step}`).toContain((error as { code?: string }).code);
        expect(String(error)).not.toContain(plain);
      }
    }
  });

  it('never opens with a byte changed under a checksum that fits', async () => {
    const body = payloadOf(text[suite]).length - 4;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 9, max: body - 1 }), fc.integer({ min: 1, max: 255 }), (at, mask) =>
        expectCode(open(forge(text[suite], (body) => void (body[at]! ^= mask))), 'Corrupt'),
      ),
      { numRuns: 60 },
    );
  });

  it('tells a key that is not held, and names it', async () => {
    const opening = unseal(text[suite], scope, () => undefined);
    await expect(opening).rejects.toMatchObject({
      code: 'UnknownKeyId',
      details: { field: 'spec.values[API_KEY]', keyId: key[suite].id },
    });
  });

  it('does not open with the private key of another under its id', async () => {
    const other = { ...(await generateSealingKey(suite)), id: key[suite].id };
    await expectCode(
      unseal(text[suite], scope, () => other),
      'Corrupt',
    );
  });
});

describe('the text of a sealed value', () => {
  it('is refused in any but its one canonical encoding', async () => {
    // 64 bytes: the last digit carries two bits of the payload and four that no byte uses.
    const sealed = await seal(Secret.fromText('abc'), scope, key.x25519);
    expect(payloadOf(sealed)).toHaveLength(64);
    const last = alphabet.indexOf(sealed.at(-1)!);
    const loose = sealed.slice(0, -1) + alphabet[last + 1];
    expect(payloadOf(loose).equals(payloadOf(sealed))).toBe(true);
    for (const bad of [loose, `${sealed}=`, `${sealed}\n`, ` ${sealed}`, sealed.slice(0, 40)]) {
      await expectCode(open(bad), 'InvalidSealedValue');
    }
  });

  it('is refused as of another version when its first byte names no known suite', async () => {
    for (const code of [0, 3, 255]) {
      await expectCode(open(forge(text.x25519, (body) => void (body[0] = code))), 'UnsupportedVersion');
    }
  });

  it('does not open under the other suite than that of its key', async () => {
    const long = await seal(Secret.fromBytes(new Uint8Array(2000)), scope, key.x25519);
    await expectCode(open(forge(long, (body) => void (body[0] = 1))), 'Corrupt');
  });

  it('is no sealed value when it is too short for its suite', async () => {
    await expectCode(
      open(forge(text['x-wing'], (body) => body.subarray(0, 9 + 1120 + 15))),
      'InvalidSealedValue',
    );
  });
});
