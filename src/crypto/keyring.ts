/**
 * The keyring: generations of sealing keys and of storage seeds, exactly one of each active. An immutable value;
 * stored as JSON whose private parts a key provider has wrapped.
 */
import { McpError } from '../api/errors.ts';
import { generateStorageKey, type StorageKey } from './envelope.ts';
import type { SealSuite } from './hpke-suites.ts';
import type { KeyProvider } from './provider.ts';
import { generateSealingKey, type SealingPrivateKey, type SealingPublicKey } from './seal.ts';

export type GenerationState = 'active' | 'decrypt-only';

export interface SealingGeneration extends SealingPrivateKey {
  state: GenerationState;
  createdAt: string;
}

export interface StorageGeneration extends StorageKey {
  state: GenerationState;
  createdAt: string;
}

export class Keyring {
  readonly sealing: readonly SealingGeneration[];
  readonly storage: readonly StorageGeneration[];

  /** @throws McpError KeyringInvalid unless exactly one generation of each kind is active and ids are unique */
  constructor(sealing: readonly SealingGeneration[], storage: readonly StorageGeneration[]) {
    for (const [kind, list] of [
      ['sealing', sealing],
      ['storage', storage],
    ] as const) {
      const active = list.filter(({ state }) => state === 'active').length;
      if (active !== 1) invalid(`${active} ${kind} keys are active, not one`);
      if (new Set(list.map(({ id }) => id)).size !== list.length) invalid(`two ${kind} keys have one id`);
    }
    this.sealing = sealing;
    this.storage = storage;
  }

  /** A keyring with a first generation of each kind. */
  static async generate(options: { suite: SealSuite; now: Date }): Promise<Keyring> {
    const born = { state: 'active', createdAt: options.now.toISOString() } as const;
    const sealing = { ...(await generateSealingKey(options.suite)), ...born };
    return new Keyring([sealing], [{ ...generateStorageKey(), ...born }]);
  }

  activeSealing(): SealingPublicKey {
    return active(this.sealing);
  }

  findSealing(id: string): SealingPrivateKey | undefined {
    return this.sealing.find((generation) => generation.id === id);
  }

  activeStorage(): StorageKey {
    return active(this.storage);
  }

  findStorage(id: string): StorageKey | undefined {
    return this.storage.find((generation) => generation.id === id);
  }
}

function active<T extends { state: GenerationState }>(generations: readonly T[]): T {
  const found = generations.find(({ state }) => state === 'active');
  return found ?? invalid('no key is active');
}

interface StoredGeneration {
  id: string;
  state: GenerationState;
  createdAt: string;
  wrapped: { keyId: string; blob: string };
}

interface StoredKeyring {
  version: 1;
  sealing: (StoredGeneration & { suite: SealSuite; publicKey: string })[];
  storage: StoredGeneration[];
}

/** The keyring as JSON text that is safe to store: every private part is wrapped and bound to its kind and id. */
export async function wrapKeyring(ring: Keyring, provider: KeyProvider): Promise<string> {
  const stored: StoredKeyring = {
    version: 1,
    sealing: await Promise.all(
      ring.sealing.map(async ({ id, state, createdAt, suite, publicKey, privateKey }) => ({
        id,
        state,
        createdAt,
        suite,
        publicKey: Buffer.from(publicKey).toString('base64url'),
        wrapped: text(await provider.wrap(privateKey, sealingContext(id, publicKey))),
      })),
    ),
    storage: await Promise.all(
      ring.storage.map(async ({ id, state, createdAt, seed }) => ({
        id,
        state,
        createdAt,
        wrapped: text(await provider.wrap(seed, `storage/${id}`)),
      })),
    ),
  };
  return JSON.stringify(stored);
}

/**
 * Reads what `wrapKeyring` wrote.
 * @throws McpError KeyringInvalid when the text is malformed, KeyringLocked when the provider cannot unwrap it
 */
export async function unwrapKeyring(json: string, provider: KeyProvider): Promise<Keyring> {
  const stored = parse(json);
  const sealing = stored.sealing.map(async ({ wrapped, publicKey: encoded, ...generation }) => {
    const publicKey = Buffer.from(encoded, 'base64url');
    const context = sealingContext(generation.id, publicKey);
    return { ...generation, publicKey, privateKey: await provider.unwrap(bytes(wrapped), context) };
  });
  const storage = stored.storage.map(async ({ wrapped, ...generation }) => ({
    ...generation,
    seed: await provider.unwrap(bytes(wrapped), `storage/${generation.id}`),
  }));
  // Awaited together: a rejection of one list while the other is awaited would be unhandled and end the process.
  return new Keyring(...(await Promise.all([Promise.all(sealing), Promise.all(storage)])));
}

/** Binds the public key too: whoever could swap it would have new values sealed to a key of their own. */
function sealingContext(id: string, publicKey: Uint8Array): string {
  return `sealing/${id}/${Buffer.from(publicKey).toString('base64url')}`;
}

function parse(json: string): StoredKeyring {
  let stored: Partial<StoredKeyring> | null;
  try {
    stored = JSON.parse(json) as Partial<StoredKeyring> | null;
  } catch {
    // The parser's message quotes the text, which may hold wrapped keys.
    return invalid('it is not JSON');
  }
  if (stored?.version !== 1) invalid('its version is not 1');
  const { sealing, storage } = stored;
  if (!Array.isArray(sealing) || !sealing.every((entry) => isStored(entry) && isSealing(entry))) {
    return invalid('an entry of sealing is malformed');
  }
  if (!Array.isArray(storage) || !storage.every(isStored)) return invalid('an entry of storage is malformed');
  return { version: 1, sealing, storage };
}

function isStored(entry: unknown): entry is StoredGeneration {
  const { id, state, createdAt, wrapped } = (entry ?? {}) as Partial<StoredGeneration>;
  return (
    typeof id === 'string' &&
    (state === 'active' || state === 'decrypt-only') &&
    typeof createdAt === 'string' &&
    typeof wrapped?.keyId === 'string' &&
    typeof wrapped.blob === 'string'
  );
}

function isSealing(entry: { suite?: unknown; publicKey?: unknown }): boolean {
  return (entry.suite === 'x-wing' || entry.suite === 'x25519') && typeof entry.publicKey === 'string';
}

function text(wrapped: { keyId: string; blob: Uint8Array }): { keyId: string; blob: string } {
  return { keyId: wrapped.keyId, blob: Buffer.from(wrapped.blob).toString('base64url') };
}

function bytes(wrapped: { keyId: string; blob: string }): { keyId: string; blob: Uint8Array } {
  return { keyId: wrapped.keyId, blob: Buffer.from(wrapped.blob, 'base64url') };
}

function invalid(problem: string): never {
  throw new McpError('KeyringInvalid', { problem });
}
