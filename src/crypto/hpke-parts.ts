/**
 * HKDF-SHA256 and AES-256-GCM as extensions of the hpke library, over node:crypto. They run where they are called:
 * the library's own wait for a thread at each of a value's dozen small steps, which takes longer than the steps.
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import * as hpke from 'hpke';

const hashLength = 32;
const tagLength = 16;

/** HKDF-SHA256 (RFC 5869), KDF 0x0001. */
export const kdfHkdfSha256: hpke.KDFFactory = () => ({
  ...hpke.KDF_HKDF_SHA256(),
  Extract: (salt, ikm) => Promise.resolve(hmac(salt, ikm)),
  Expand: (key, info, length) => Promise.resolve(expand(key, info, length)),
});

/** AES-256-GCM, AEAD 0x0002; tags always have 16 bytes. */
export const aeadAes256Gcm: hpke.AEADFactory = () => ({
  ...hpke.AEAD_AES_256_GCM(),
  Seal: async (key, nonce, aad, plaintext) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength });
    cipher.setAAD(aad);
    return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  },
  Open: async (key, nonce, aad, ciphertext) => {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength });
    decipher.setAAD(aad);
    decipher.setAuthTag(ciphertext.subarray(-tagLength));
    return Buffer.concat([decipher.update(ciphertext.subarray(0, -tagLength)), decipher.final()]);
  },
});

function hmac(key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  const hash = createHmac('sha256', key);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** HKDF-Expand; node:crypto has it only joined to Extract, and HPKE needs the two apart. */
function expand(key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (length > 255 * hashLength) throw new RangeError('HKDF gives at most 255 blocks');
  const blocks: Buffer[] = [];
  for (let have = 0; have < length; have += hashLength) {
    blocks.push(hmac(key, blocks.at(-1) ?? Buffer.alloc(0), info, Buffer.of(blocks.length + 1)));
  }
  return Buffer.concat(blocks).subarray(0, length);
}
