/** X-Wing over node:crypto against the hpke library's own over WebCrypto: one KEM, two ways to compute it. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { promisify, inspect } from 'node:util';
import * as hpke from 'hpke';
import { describe, expect, it } from 'vitest';
import { aeadAes256Gcm, kdfHkdfSha256 } from '../../../src/crypto/hpke-parts.ts';
import { kemXWing } from '../../../src/crypto/x-wing.ts';

const ours = new hpke.CipherSuite(kemXWing, kdfHkdfSha256, aeadAes256Gcm);
const library = new hpke.CipherSuite(hpke.KEM_MLKEM768_X25519, hpke.KDF_HKDF_SHA256, hpke.AEAD_AES_256_GCM);
const message = { plain: Buffer.from('correct horse'), info: Buffer.from('info'), aad: Buffer.from('aad') };

describe('X-Wing', () => {
  it('derives the key pair that the library derives', async () => {
    const ikm = randomBytes(40);
    const [mine, theirs] = [await ours.DeriveKeyPair(ikm, true), await library.DeriveKeyPair(ikm, true)];
    expect(Buffer.from(await ours.SerializePrivateKey(mine.privateKey))).toEqual(
      Buffer.from(await library.SerializePrivateKey(theirs.privateKey)),
    );
    expect(Buffer.from(await ours.SerializePublicKey(mine.publicKey))).toEqual(
      Buffer.from(await library.SerializePublicKey(theirs.publicKey)),
    );
  });

  it('opens what the library seals, and the other way round', async () => {
    const ikm = randomBytes(32);
    const [mine, theirs] = [await ours.DeriveKeyPair(ikm), await library.DeriveKeyPair(ikm)];
    const bySide = [
      await library.Seal(theirs.publicKey, message.plain, message),
      await ours.Seal(mine.publicKey, message.plain, message),
    ];
    const [fromLibrary, fromUs] = bySide;
    const here = await ours.Open(
      mine.privateKey,
      fromLibrary!.encapsulatedSecret,
      fromLibrary!.ciphertext,
      message,
    );
    const there = await library.Open(
      theirs.privateKey,
      fromUs!.encapsulatedSecret,
      fromUs!.ciphertext,
      message,
    );
    expect(Buffer.from(here)).toEqual(message.plain);
    expect(Buffer.from(there)).toEqual(message.plain);
  });

  it('shows nothing of a private key to whoever prints or serialises it', async () => {
    const seed = randomBytes(32);
    const key = await ours.DeserializePrivateKey(seed);
    const shown = `${inspect(key, { showHidden: true, depth: 9 })} ${JSON.stringify(key)}`;
    const stretched = createHash('shake256', { outputLength: 96 }).update(seed).digest();
    for (const secret of [seed, stretched.subarray(0, 32), stretched.subarray(64)]) {
      // As text encodings have it, and as inspection and JSON show a Buffer.
      const start = secret.subarray(0, 8);
      const hex = start.toString('hex');
      const forms = [
        hex,
        hex.match(/../g)?.join(' ') ?? hex,
        start.join(','),
        secret.toString('base64').slice(0, 10),
      ];
      for (const form of forms) expect(shown).not.toContain(form);
    }
    await expect(ours.SerializePrivateKey(key)).rejects.toThrow(/extractable/);
  });

  it('takes no public key for a private one, and no bytes that are none', async () => {
    const { publicKey } = await ours.GenerateKeyPair();
    const stranger = { ...publicKey, type: 'private' } as unknown as typeof publicKey;
    await expect(ours.Open(stranger, new Uint8Array(1120), new Uint8Array(16))).rejects.toThrow();
    // Coefficients of an ML-KEM key are below 3329 (FIPS 203, 7.2): a key of ones in all bits has larger ones.
    await expect(ours.DeserializePublicKey(new Uint8Array(1216).fill(0xff))).rejects.toThrow();
    await expect(ours.DeserializePublicKey(new Uint8Array(1215))).rejects.toThrow();
  });
});

describe.each(['x-wing', 'x25519'] as const)('a value sealed by %s', (suite) => {
  it('is made, sealed and opened without a warning on the console', async () => {
    const program = `
      const at = (name) => import(${JSON.stringify(new URL('../../../src/crypto/', import.meta.url).href)} + name);
      const { generateSealingKey, seal, unseal } = await at('seal.ts');
      const { Secret } = await at('secret.ts');
      const scope = { namespace: 'a', server: 'b', key: 'C' };
      const key = await generateSealingKey('${suite}');
      const text = await seal(Secret.fromText('value'), scope, key);
      console.log((await unseal(text, scope, () => key)).reveal());`;
    const { NODE_OPTIONS: _, NODE_NO_WARNINGS: __, ...env } = process.env;
    const ended = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
      env,
    });
    expect(ended).toEqual({ stdout: 'value\n', stderr: '' });
  });
});
