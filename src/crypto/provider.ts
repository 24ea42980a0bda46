/** Key providers wrap the keyring's private parts, so that what is stored is useless without the provider. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { McpError } from '../api/errors.ts';
import { lengthPrefixed } from './scope.ts';
import { Secret } from './secret.ts';

export interface Wrapped {
  /** Which of the provider's keys wrapped it. */
  keyId: string;
  blob: Uint8Array;
}

export interface KeyProvider {
  readonly name: string;
  /** @param context what the wrapped bytes are; unwrapping for anything else fails */
  wrap(plain: Secret, context: string): Promise<Wrapped>;
  /** @throws McpError KeyringLocked */
  unwrap(wrapped: Wrapped, context: string): Promise<Secret>;
}

/** A root key held outside the keyring, by a Secret or a mounted file. */
export interface RootKey {
  id: string;
  /** 32 bytes. */
  key: Secret;
}

const nonceLength = 12;
const tagLength = 16;

/** Wraps with AES-256-GCM under root keys; the first wraps, all unwrap. */
export function rootKeyProvider(roots: readonly RootKey[]): KeyProvider {
  const [current] = roots;
  if (!current || roots.some(({ key }) => key.length !== 32)) {
    throw new McpError('KeyringInvalid', { problem: 'a root key has 32 bytes, and there is at least one' });
  }
  return {
    name: 'root-key',
    wrap: (plain, context) => Promise.resolve(wrap(current, plain, context)),
    unwrap: async (wrapped, context) => {
      const root = roots.find(({ id }) => id === wrapped.keyId);
      if (!root) throw new McpError('KeyringLocked', { provider: 'root-key' });
      return unwrap(root, wrapped, context);
    },
  };
}

function wrap(root: RootKey, plain: Secret, context: string): Wrapped {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', root.key.bytes(), nonce, { authTagLength: tagLength });
  cipher.setAAD(lengthPrefixed(['mcpcore.dev/wrap/v1', root.id, context]));
  const ciphertext = Buffer.concat([cipher.update(plain.bytes()), cipher.final()]);
  return { keyId: root.id, blob: Buffer.concat([nonce, ciphertext, cipher.getAuthTag()]) };
}

function unwrap(root: RootKey, wrapped: Wrapped, context: string): Secret {
  const blob = Buffer.from(wrapped.blob);
  try {
    const nonce = blob.subarray(0, nonceLength);
    const decipher = createDecipheriv('aes-256-gcm', root.key.bytes(), nonce, { authTagLength: tagLength });
    decipher.setAAD(lengthPrefixed(['mcpcore.dev/wrap/v1', root.id, context]));
    decipher.setAuthTag(blob.subarray(-tagLength));
    const body = blob.subarray(nonceLength, -tagLength);
    return Secret.fromBytes(Buffer.concat([decipher.update(body), decipher.final()]));
  } catch {
    throw new McpError('KeyringLocked', { provider: 'root-key' });
  }
}
