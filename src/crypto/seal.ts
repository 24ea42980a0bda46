/**
 * Seals values for this cluster: HPKE base mode (RFC 9180) with the scope as additional data, so that a sealed value
 * opens only for its namespace, server and key. Sealing needs the public key alone.
 */
import { randomBytes } from 'node:crypto';
import { McpError } from '../api/errors.ts';
import { suiteByName, type SealSuite } from './hpke-suites.ts';
import { lengthPrefixed, scopeFingerprint, type SealScope } from './scope.ts';
import { formatSealed, parseSealed, type ParsedSealed } from './sealed-text.ts';
import { Secret } from './secret.ts';

export { parseSealed, sealedPrefix, type ParsedSealed } from './sealed-text.ts';
export type { SealScope } from './scope.ts';
export type { SealSuite } from './hpke-suites.ts';

const info = Buffer.from('mcpcore.dev/seal/v1');

export interface SealingPublicKey {
  /** 8 to 16 characters of [a-z0-9]. */
  id: string;
  suite: SealSuite;
  /** The KEM's serialised public key. */
  publicKey: Uint8Array;
}

export interface SealingPrivateKey extends SealingPublicKey {
  /** The KEM's serialised private key. */
  privateKey: Secret;
}

/** Makes a key pair with a random id. */
export async function generateSealingKey(suite: SealSuite): Promise<SealingPrivateKey> {
  return { id: newKeyId('k'), suite, ...(await suiteByName(suite).generateKeyPair()) };
}

/** A random key id: a letter and eleven hexadecimal digits. */
export function newKeyId(letter: string): string {
  return `${letter}${randomBytes(6).toString('hex').slice(1)}`;
}

/** Seals a value for one scope under a public key; each call gives another text. */
export async function seal(value: Secret, scope: SealScope, key: SealingPublicKey): Promise<string> {
  const suite = suiteByName(key.suite);
  const binding = { info, aad: additionalData(suite.code, key.id, scope) };
  const { encapsulatedSecret, ciphertext } = await suite.seal(key.publicKey, value.bytes(), binding);
  return formatSealed(key.id, suite.code, scopeFingerprint(scope), encapsulatedSecret, ciphertext);
}

/**
 * Opens a sealed value.
 * @param find the private key of an id, if the keyring holds it
 * @throws McpError InvalidSealedValue, UnsupportedVersion, Corrupt, UnknownKeyId or ScopeMismatch, in this order of
 *   judgement; the message names the key's field and never the value
 */
export async function unseal(
  text: string,
  scope: SealScope,
  find: (id: string) => SealingPrivateKey | undefined,
): Promise<Secret> {
  const field = `spec.values[${scope.key}]`;
  const parsed = parseSealed(text);
  if (!parsed) throw new McpError('InvalidSealedValue', { field });
  if (!parsed.suite) throw new McpError('UnsupportedVersion', { field });
  if (!parsed.checksumMatches) throw new McpError('Corrupt', { field });
  const key = find(parsed.keyId);
  if (!key) throw new McpError('UnknownKeyId', { field, keyId: parsed.keyId });
  if (!scopeFingerprint(scope).equals(parsed.fingerprint)) throw new McpError('ScopeMismatch', { field });
  if (key.suite !== parsed.suite) throw new McpError('Corrupt', { field });
  return open(parsed, scope, key, field);
}

async function open(
  parsed: ParsedSealed,
  scope: SealScope,
  key: SealingPrivateKey,
  field: string,
): Promise<Secret> {
  const binding = { info, aad: additionalData(parsed.suiteCode, key.id, scope) };
  try {
    const plain = await suiteByName(key.suite).open(key, parsed.encapsulated, parsed.ciphertext, binding);
    const value = Secret.fromBytes(plain);
    plain.fill(0);
    return value;
  } catch {
    // The library's cause is left out on purpose: every failure to open looks the same.
    throw new McpError('Corrupt', { field });
  }
}

function additionalData(code: number, keyId: string, scope: SealScope): Uint8Array {
  return lengthPrefixed([Buffer.of(code), keyId, scope.namespace, scope.server, scope.key]);
}
