/** The keyring at rest: whole under its root key, useless without it, and silent about what it holds. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/api/errors.ts';
import { generateStorageKey } from '../../../src/crypto/envelope.ts';
import { Keyring, unwrapKeyring, wrapKeyring } from '../../../src/crypto/keyring.ts';
import { rootKeyProvider, type RootKey } from '../../../src/crypto/provider.ts';
import { generateSealingKey } from '../../../src/crypto/seal.ts';
import { Secret } from '../../../src/crypto/secret.ts';

interface Stored {
  version: number;
  sealing: Entry[];
  storage: Entry[];
}
interface Entry {
  id: string;
  state: string;
  wrapped: { keyId: string; blob: string };
}

const rootKey = (id: string): RootKey => ({ id, key: Secret.fromBytes(randomBytes(32)) });
const root = rootKey('root-1');
const provider = rootKeyProvider([root]);
const first = await Keyring.generate({ suite: 'x-wing', now: new Date('2030-01-02T03:04:05Z') });
const old = { state: 'decrypt-only', createdAt: '2029-01-01T00:00:00.000Z' } as const;
const ring = new Keyring(
  [...first.sealing, { ...(await generateSealingKey('x25519')), ...old }],
  [...first.storage, { ...generateStorageKey(), ...old }],
);
const json = await wrapKeyring(ring, provider);
const privateParts = [
  ...ring.sealing.map(({ privateKey }) => privateKey),
  ...ring.storage.map(({ seed }) => seed),
];

/** The stored text after a change to what it says. */
function changed(change: (stored: Stored) => void): string {
  const stored = JSON.parse(json) as Stored;
  change(stored);
  return JSON.stringify(stored);
}

const locked = { code: 'KeyringLocked' };

describe('a keyring', () => {
  it('comes back from storage as it was, every key byte for byte', async () => {
    const back = await unwrapKeyring(json, provider);
    const shape = (ring: Keyring) => ({
      sealing: ring.sealing.map((key) => ({
        ...key,
        publicKey: Buffer.from(key.publicKey).toString('hex'),
        privateKey: Buffer.from(key.privateKey.bytes()).toString('hex'),
      })),
      storage: ring.storage.map((key) => ({ ...key, seed: Buffer.from(key.seed.bytes()).toString('hex') })),
    });
    expect(shape(back)).toEqual(shape(ring));
    expect(back.activeSealing().id).toBe(first.sealing[0]?.id);
    expect(back.activeStorage().id).toBe(first.storage[0]?.id);
    expect(back.findSealing(ring.sealing[1]!.id)).toBeDefined();
    expect(back.findSealing('k0000000000')).toBeUndefined();
  });

  it('is read with an older root key while a newer one wraps', async () => {
    const both = rootKeyProvider([rootKey('root-2'), root]);
    const back = await unwrapKeyring(json, both);
    const rewrapped = JSON.parse(await wrapKeyring(back, both)) as Stored;
    expect(rewrapped.storage.map(({ wrapped }) => wrapped.keyId)).toEqual(['root-2', 'root-2']);
    await expect(unwrapKeyring(JSON.stringify(rewrapped), provider)).rejects.toMatchObject(locked);
  });

  it('stays locked for another root key, be it of the same name', async () => {
    for (const other of [rootKey('root-1'), rootKey('root-2')]) {
      await expect(unwrapKeyring(json, rootKeyProvider([other]))).rejects.toMatchObject(locked);
    }
  });

  it('stays locked when wrapped parts have changed places', async () => {
    const swap = (a: Entry, b: Entry) => ([a.wrapped, b.wrapped] = [b.wrapped, a.wrapped]);
    const swaps = [
      changed(({ sealing }) => void swap(sealing[0]!, sealing[1]!)),
      changed(({ storage }) => void swap(storage[0]!, storage[1]!)),
      changed(({ sealing, storage }) => void (storage[0]!.wrapped = sealing[0]!.wrapped)),
      changed(({ storage }) => void (storage[1]!.id = 's00000000000')),
    ];
    for (const text of swaps) await expect(unwrapKeyring(text, provider)).rejects.toMatchObject(locked);
  });

  it('stays locked when a wrapped part is damaged or cut short', async () => {
    const blob = Buffer.from((JSON.parse(json) as Stored).storage[0]!.wrapped.blob, 'base64url');
    const flipped = Buffer.from(blob);
    flipped[20]! ^= 1;
    for (const bad of [flipped, blob.subarray(0, -1), blob.subarray(0, 12), Buffer.alloc(0)]) {
      const text = changed(({ storage }) => void (storage[0]!.wrapped.blob = bad.toString('base64url')));
      await expect(unwrapKeyring(text, provider)).rejects.toMatchObject(locked);
    }
  });

  it('that is malformed is refused by a message that quotes nothing of it', async () => {
    const marker = 'q7Zr0nXv';
    const texts = [
      marker,
      `{"version":1,"sealing":"${marker}`,
      `"${marker}"`,
      'null',
      `{"version":2,"sealing":["${marker}"],"storage":[]}`,
      `{"version":1,"sealing":["${marker}"],"storage":[]}`,
      changed(({ storage }) => void (storage[0]!.state = marker)),
      changed(({ sealing }) => void Object.assign(sealing[0]!, { suite: marker })),
      changed(({ storage }) => void Object.assign(storage[0]!, { wrapped: null, note: marker })),
    ];
    for (const text of texts) {
      const error: unknown = await unwrapKeyring(text, provider).catch((error: unknown) => error);
      expect(hasCode(error, 'KeyringInvalid'), text.slice(0, 60)).toBe(true);
      const { message, stack, cause } = error as Error;
      expect(`${message} ${stack} ${String(cause)} ${JSON.stringify(error)}`).not.toContain(marker);
    }
  });

  it('has one active key of each kind and no id twice, also when it is read', async () => {
    for (const text of [
      changed(({ sealing }) => void (sealing[1]!.state = 'active')),
      changed(({ storage }) => void (storage[0]!.state = 'decrypt-only')),
      changed(({ storage }) => void (storage[1] = { ...storage[0]!, state: 'decrypt-only' })),
    ]) {
      await expect(unwrapKeyring(text, provider)).rejects.toMatchObject({ code: 'KeyringInvalid' });
    }
  });

  it('holds no run of private bytes in its text, whatever the encoding', () => {
    const blobs = [...(json.match(/[A-Za-z0-9_-]{22,}/g) ?? [])].map((run) => Buffer.from(run, 'base64url'));
    const haystack = Buffer.concat([Buffer.from(json), ...blobs]);
    for (const part of privateParts) {
      expect(part.length).toBeGreaterThanOrEqual(32);
      const bytes = Buffer.from(part.bytes());
      for (let at = 0; at + 8 <= bytes.length; at += 1) {
        const run = bytes.subarray(at, at + 8);
        expect(haystack.includes(run)).toBe(false);
        expect(json.toLowerCase()).not.toContain(run.toString('hex'));
      }
      // A run of six bytes has eight base64 digits of its own at one of three offsets.
      for (let at = 0; at + 6 <= bytes.length; at += 3) {
        const digits = bytes.subarray(at, at + 6).toString('base64');
        expect(json).not.toContain(digits);
        expect(json).not.toContain(digits.replaceAll('+', '-').replaceAll('/', '_'));
      }
    }
  });

  it('needs root keys of 32 bytes', () => {
    expect(() => rootKeyProvider([])).toThrow(/32 bytes/);
    expect(() => rootKeyProvider([root, { id: 'short', key: Secret.fromText('short') }])).toThrow(/32 bytes/);
  });

  it('does not open with another public key beside its private one', async () => {
    const foreign = await generateSealingKey('x-wing');
    const swapped = changed((stored) => {
      Object.assign(stored.sealing[0] ?? {}, {
        publicKey: Buffer.from(foreign.publicKey).toString('base64url'),
      });
    });
    await expect(unwrapKeyring(swapped, provider)).rejects.toMatchObject(locked);
  });
});
