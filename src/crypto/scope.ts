/** What a ciphertext is bound to, in an encoding in which no two scopes look alike. */
import { createHash } from 'node:crypto';

/** The one place where a sealed value opens. */
export interface SealScope {
  namespace: string;
  server: string;
  key: string;
}

/** Where a stored record opens. */
export interface RecordScope extends SealScope {
  /** Revision of the environment at which the value was written. */
  revision: number;
}

/** Concatenates parts, each behind its length in bytes as 32 bits big-endian, so that `a|bc` differs from `ab|c`. */
export function lengthPrefixed(parts: readonly (string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(
    parts.flatMap((part) => {
      const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}

/** First 8 bytes of SHA-256 over the scope: not secret, it only tells a wrong scope from damage. */
export function scopeFingerprint(scope: SealScope): Buffer {
  const encoded = lengthPrefixed(['mcpcore.dev/scope/v1', scope.namespace, scope.server, scope.key]);
  return createHash('sha256').update(encoded).digest().subarray(0, 8);
}

/** Decodes base64url without padding; undefined unless the text is the one canonical encoding of its bytes. */
export function decodeCanonical(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
