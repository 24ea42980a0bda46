/**
 * Encrypts values for storage, in the shape of Kubernetes KMS v2: one seed per generation, and for each write a key of
 * its own, derived by HKDF (RFC 5869) from the seed and 32 random bytes. A 32-byte commitment from the same derivation
 * is checked before decryption, because AES-GCM by itself does not commit to its key.
 */
import { hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { Crypto } from '@peculiar/webcrypto';
import { McpError } from '../api/errors.ts';
import { decodeCanonical, lengthPrefixed, type RecordScope } from './scope.ts';
import { newKeyId } from './seal.ts';
import { Secret } from './secret.ts';

export type { RecordScope } from './scope.ts';

const webcrypto = new Crypto();
const infoLength = 32;
const commitmentLength = 32;
const nonceLength = 12;
const tagLength = 16;
const headerLength = infoLength + commitmentLength + nonceLength;
const pattern = /^mcpe1\.([a-z0-9]{8,16})\.([A-Za-z0-9_-]+)$/;

export interface StorageKey {
  id: string;
  /** 32 bytes; never a key itself, only what keys are derived from. */
  seed: Secret;
}

/** Makes a seed with a random id. */
export function generateStorageKey(): StorageKey {
  return { id: newKeyId('s'), seed: Secret.fromBytes(randomBytes(32)) };
}

/** Encrypts a value for one place in storage: `mcpe1.<key id>.<base64url>`. */
export async function encryptRecord(value: Secret, scope: RecordScope, storage: StorageKey): Promise<string> {
  const info = randomBytes(infoLength);
  const nonce = randomBytes(nonceLength);
  const { key, commitment } = derive(storage.seed, info);
  const cryptoKey = await webcrypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt']);
  const ciphertext = await webcrypto.subtle.encrypt(
    parameters(nonce, storage.id, scope),
    cryptoKey,
    value.bytes(),
  );
  const payload = Buffer.concat([info, commitment, nonce, Buffer.from(ciphertext)]);
  return `mcpe1.${storage.id}.${payload.toString('base64url')}`;
}

/**
 * Decrypts a record.
 * @throws McpError UnknownKeyId when no such generation is held, else RecordInvalid, whatever the cause
 */
export async function decryptRecord(
  record: string,
  scope: RecordScope,
  find: (id: string) => StorageKey | undefined,
): Promise<Secret> {
  const match = pattern.exec(record);
  const payload = decodeCanonical(match?.[2] ?? '');
  if (!match?.[1] || !payload || payload.length < headerLength + tagLength) throw invalid();
  const storage = find(match[1]);
  if (!storage) throw new McpError('UnknownKeyId', { field: `values[${scope.key}]`, keyId: match[1] });
  const info = payload.subarray(0, infoLength);
  const { key, commitment } = derive(storage.seed, info);
  if (!timingSafeEqual(commitment, payload.subarray(infoLength, infoLength + commitmentLength)))
    throw invalid();
  const nonce = payload.subarray(infoLength + commitmentLength, headerLength);
  try {
    const cryptoKey = await webcrypto.subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt']);
    const plain = await webcrypto.subtle.decrypt(
      parameters(nonce, storage.id, scope),
      cryptoKey,
      payload.subarray(headerLength),
    );
    return Secret.fromBytes(new Uint8Array(plain));
  } catch {
    throw invalid();
  }
}

/** The generation that a record was encrypted under; undefined when the text is no record. */
export function recordKeyId(record: string): string | undefined {
  return pattern.exec(record)?.[1];
}

function derive(seed: Secret, info: Uint8Array): { key: Buffer; commitment: Buffer } {
  const label = Buffer.concat([Buffer.from('mcpcore.dev/record/v1'), info]);
  const derived = Buffer.from(
    hkdfSync('sha256', seed.bytes(), Buffer.alloc(0), label, 32 + commitmentLength),
  );
  return { key: derived.subarray(0, 32), commitment: derived.subarray(32) };
}

function parameters(nonce: Uint8Array, keyId: string, scope: RecordScope): AesGcm {
  return {
    name: 'AES-GCM',
    iv: nonce,
    tagLength: tagLength * 8,
    additionalData: lengthPrefixed([
      'mcpcore.dev/record/v1',
      keyId,
      scope.namespace,
      scope.server,
      scope.key,
      String(scope.revision),
    ]),
  };
}

interface AesGcm {
  name: 'AES-GCM';
  iv: Uint8Array;
  tagLength: number;
  additionalData: Uint8Array;
}

function invalid(): McpError {
  return new McpError('RecordInvalid', {
    problem: 'it does not open for this namespace, server, key and revision',
  });
}
