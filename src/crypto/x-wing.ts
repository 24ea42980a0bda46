/**
 * The X-Wing KEM (ML-KEM-768 with X25519, HPKE KEM 0x647a; draft-connolly-cfrg-xwing-kem, draft-ietf-hpke-pq) as an
 * extension of the hpke library, over the primitives of node:crypto. The library's own goes through WebCrypto, where
 * ML-KEM is marked experimental: each process would print a warning, and each value take several times as long.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import * as hpke from 'hpke';

const name = 'MLKEM768-X25519';
const seedLength = 32;
const mlKem = { publicKey: 1184, ciphertext: 1088, seed: 64 } as const;
const x25519Length = 32;
/** The label of the draft's combiner: `\.//^\`. */
const label = Buffer.from('5c2e2f2f5e5c', 'hex');

/** The private half of a key pair. */
interface XWingSecret {
  /** What the serialised private key is. */
  seed: Buffer;
  mlKem: KeyObject;
  x25519: KeyObject;
}

/** Both public keys; a private key has its own besides. */
export interface XWingKey extends hpke.Key {
  readonly mlKem: KeyObject;
  readonly x25519: KeyObject;
  /** @throws TypeError on a public key */
  secret(): XWingSecret;
}

class HybridKey implements XWingKey {
  readonly algorithm = { name };
  readonly extractable: boolean;
  readonly type: 'public' | 'private';
  readonly mlKem: KeyObject;
  readonly x25519: KeyObject;
  /** Out of reach of loggers and serialisers. */
  readonly #secret: XWingSecret | undefined;

  constructor(mlKem: KeyObject, x25519: KeyObject, secret?: XWingSecret, extractable = true) {
    this.type = secret ? 'private' : 'public';
    this.mlKem = mlKem;
    this.x25519 = x25519;
    this.extractable = extractable;
    this.#secret = secret;
  }

  secret(): XWingSecret {
    if (!this.#secret) throw new TypeError('a private key is needed');
    return this.#secret;
  }
}

/** KEM factory for `hpke.CipherSuite`. */
export const kemXWing: hpke.KEMFactory<XWingKey> = () => ({
  id: 0x647a,
  type: 'KEM',
  name,
  Nsecret: 32,
  Nenc: mlKem.ciphertext + x25519Length,
  Npk: mlKem.publicKey + x25519Length,
  Nsk: seedLength,
  async DeriveKeyPair(ikm, extractable) {
    const suite = Buffer.from([...Buffer.from('KEM'), 0x64, 0x7a]);
    const text = new TextEncoder();
    const none = new Uint8Array();
    return pair(
      await hpke.LabeledDerive(shake256, suite, ikm, text.encode('DeriveKeyPair'), none, seedLength),
      extractable,
    );
  },
  GenerateKeyPair: (extractable) => Promise.resolve(pair(randomBytes(seedLength), extractable)),
  SerializePublicKey: (key) => Promise.resolve(Buffer.concat([raw(key.mlKem), raw(key.x25519)])),
  DeserializePublicKey: (bytes) => attempt(() => publicKey(bytes)),
  SerializePrivateKey: (key) => attempt(() => Buffer.from(key.secret().seed)),
  DeserializePrivateKey: (seed, extractable) => attempt(() => pair(seed, extractable).privateKey),
  Encap: (recipient) => attempt(() => encap(recipient)),
  Decap: (encapsulated, key) => attempt(() => decap(encapsulated, key)),
});

function encap(recipient: XWingKey): { shared_secret: Uint8Array; enc: Uint8Array } {
  const pq = encapsulate(recipient.mlKem);
  const ephemeral = generateKeyPairSync('x25519');
  const shared = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: recipient.x25519 });
  const point = raw(ephemeral.publicKey);
  return {
    shared_secret: combine(pq.sharedKey, shared, point, raw(recipient.x25519)),
    enc: Buffer.concat([pq.ciphertext, point]),
  };
}

function decap(encapsulated: Uint8Array, key: XWingKey): Uint8Array {
  const secret = key.secret();
  const point = encapsulated.subarray(mlKem.ciphertext);
  const shared = diffieHellman({ privateKey: secret.x25519, publicKey: x25519Public(point) });
  const pq = decapsulate(secret.mlKem, encapsulated.subarray(0, mlKem.ciphertext));
  return combine(pq, shared, point, raw(key.x25519));
}

/** The draft's combiner; ML-KEM's ciphertext needs no place in it, because ML-KEM binds it. */
function combine(...parts: [pq: Uint8Array, shared: Uint8Array, point: Uint8Array, own: Uint8Array]): Buffer {
  const hash = createHash('sha3-256');
  for (const part of parts) hash.update(part);
  return hash.update(label).digest();
}

/** The key pair of a seed: SHAKE256 stretches it to ML-KEM's 64 bytes and X25519's 32. */
function pair(seed: Uint8Array, extractable: boolean): hpke.KeyPair<XWingKey> {
  const stretched = createHash('shake256', { outputLength: mlKem.seed + x25519Length })
    .update(seed)
    .digest();
  const secret = {
    seed: Buffer.from(seed),
    mlKem: createPrivateKey({
      key: stretched.subarray(0, mlKem.seed),
      format: 'raw-seed',
      asymmetricKeyType: 'ml-kem-768',
    }),
    x25519: createPrivateKey({
      key: stretched.subarray(mlKem.seed),
      format: 'raw-private',
      asymmetricKeyType: 'x25519',
    }),
  };
  stretched.fill(0);
  const halves = [createPublicKey(secret.mlKem), createPublicKey(secret.x25519)] as const;
  return { publicKey: new HybridKey(...halves), privateKey: new HybridKey(...halves, secret, extractable) };
}

function publicKey(bytes: Uint8Array): XWingKey {
  const pq = createPublicKey({
    key: Buffer.from(bytes.subarray(0, mlKem.publicKey)),
    format: 'raw-public',
    asymmetricKeyType: 'ml-kem-768',
  });
  return new HybridKey(pq, x25519Public(bytes.subarray(mlKem.publicKey)));
}

function x25519Public(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(bytes), format: 'raw-public', asymmetricKeyType: 'x25519' });
}

function raw(key: KeyObject): Buffer {
  return key.export({ format: 'raw-public' });
}

/** SHAKE256 as the one-stage KDF that X-Wing's DeriveKeyPair asks for. */
const shake256 = {
  ...hpke.KDF_SHAKE256(),
  Derive: (input: Uint8Array, length: number) =>
    Promise.resolve(createHash('shake256', { outputLength: length }).update(input).digest()),
} satisfies hpke.KDF;

/** What throws becomes a rejection, as the library's interface has it. */
function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
