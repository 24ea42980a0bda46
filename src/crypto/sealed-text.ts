/**
 * The text form of a sealed value: `mcps1.<key id>.<base64url>`. The payload is suite (1 byte), scope fingerprint (8),
 * encapsulated key, ciphertext with its 16-byte tag, and a checksum (4) that tells damage from a wrong scope.
 */
import { createHash } from 'node:crypto';
import { decodeCanonical } from './scope.ts';
import { suiteByCode, type SealSuite } from './hpke-suites.ts';

export const sealedPrefix = 'mcps1.';
const fingerprintLength = 8;
const checksumLength = 4;
const tagLength = 16;
const shortest = 1 + fingerprintLength + 32 + tagLength + checksumLength;
const pattern = /^mcps1\.([a-z0-9]{8,16})\.([A-Za-z0-9_-]+)$/;

export interface ParsedSealed {
  keyId: string;
  /** Undefined when the first byte names a suite that this version does not know. */
  suite: SealSuite | undefined;
  suiteCode: number;
  fingerprint: Buffer;
  encapsulated: Buffer;
  /** With the tag at its end. */
  ciphertext: Buffer;
  /** Bytes of plaintext that the value holds. */
  plaintextLength: number;
  checksumMatches: boolean;
}

/** Reads a sealed text; undefined when its structure is not that of one. Whether it opens is not judged here. */
export function parseSealed(text: string): ParsedSealed | undefined {
  const [, keyId = '', encoded = ''] = pattern.exec(text) ?? [];
  const payload = decodeCanonical(encoded);
  return payload && payload.length >= shortest ? parsePayload(keyId, payload) : undefined;
}

function parsePayload(keyId: string, payload: Buffer): ParsedSealed | undefined {
  const suiteCode = payload.readUInt8(0);
  const suite = suiteByCode(suiteCode);
  const body = payload.subarray(1 + fingerprintLength, -checksumLength);
  const encapsulatedLength = suite?.encapsulatedLength ?? 0;
  if (body.length < encapsulatedLength + tagLength) return undefined;
  const expected = checksum(keyId, payload.subarray(0, -checksumLength));
  return {
    keyId,
    suite: suite?.name,
    suiteCode,
    fingerprint: payload.subarray(1, 1 + fingerprintLength),
    encapsulated: body.subarray(0, encapsulatedLength),
    ciphertext: body.subarray(encapsulatedLength),
    plaintextLength: body.length - encapsulatedLength - tagLength,
    checksumMatches: expected.equals(payload.subarray(-checksumLength)),
  };
}

/** Writes the text form. */
export function formatSealed(
  keyId: string,
  suiteCode: number,
  fingerprint: Uint8Array,
  encapsulated: Uint8Array,
  ciphertext: Uint8Array,
): string {
  const body = Buffer.concat([Buffer.of(suiteCode), fingerprint, encapsulated, ciphertext]);
  return `${sealedPrefix}${keyId}.${Buffer.concat([body, checksum(keyId, body)]).toString('base64url')}`;
}

function checksum(keyId: string, body: Uint8Array): Buffer {
  return createHash('sha256')
    .update(`${sealedPrefix}${keyId}.`)
    .update(body)
    .digest()
    .subarray(0, checksumLength);
}
