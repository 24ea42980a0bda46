/** The two HPKE cipher suites (RFC 9180) of sealed values: which one a value uses is its first byte. */
import * as hpke from 'hpke';
import { aeadAes256Gcm, kdfHkdfSha256 } from './hpke-parts.ts';
import { Secret } from './secret.ts';
import { kemXWing } from './x-wing.ts';

/** `x-wing` is ML-KEM-768 with X25519 (KEM 0x647a), safe against harvest-now-decrypt-later; `x25519` is DHKEM. */
export type SealSuite = 'x-wing' | 'x25519';

/** Key pair in the KEM's serialised form. */
export interface SerializedKeyPair {
  publicKey: Uint8Array;
  privateKey: Secret;
}

/** What a message is bound to. */
interface Binding {
  info: Uint8Array;
  aad: Uint8Array;
}

/** A cipher suite over serialised keys. */
export interface Suite {
  name: SealSuite;
  /** First byte of the payload. */
  code: number;
  /** Bytes of the encapsulated key. */
  encapsulatedLength: number;
  generateKeyPair(): Promise<SerializedKeyPair>;
  /** @throws hpke.DeserializeError when the bytes are no public key of the suite */
  seal(
    publicKey: Uint8Array,
    plaintext: Uint8Array,
    binding: Binding,
  ): Promise<{ encapsulatedSecret: Uint8Array; ciphertext: Uint8Array }>;
  /** @throws an error of hpke, whatever the cause */
  open(
    pair: SerializedKeyPair,
    encapsulated: Uint8Array,
    ciphertext: Uint8Array,
    binding: Binding,
  ): Promise<Uint8Array>;
}

function build<K extends hpke.Key>(name: SealSuite, code: number, kem: hpke.KEMFactory<K>): Suite {
  const suite = new hpke.CipherSuite(kem, kdfHkdfSha256, aeadAes256Gcm);
  return {
    name,
    code,
    encapsulatedLength: suite.KEM.Nenc,
    async generateKeyPair() {
      const pair = await suite.GenerateKeyPair(true);
      return {
        publicKey: await suite.SerializePublicKey(pair.publicKey),
        privateKey: Secret.fromBytes(await suite.SerializePrivateKey(pair.privateKey)),
      };
    },
    async seal(publicKey, plaintext, binding) {
      return suite.Seal(await suite.DeserializePublicKey(publicKey), plaintext, binding);
    },
    async open({ publicKey, privateKey }, encapsulated, ciphertext, binding) {
      const key = await suite.DeserializePrivateKey(privateKey.bytes());
      // From a private key of DHKEM alone the library derives the public one by an experimental interface.
      const recipient =
        name === 'x25519' ? { privateKey: key, publicKey: await suite.DeserializePublicKey(publicKey) } : key;
      return suite.Open(recipient, encapsulated, ciphertext, binding);
    },
  };
}

const suites: readonly Suite[] = [
  build('x-wing', 1, kemXWing),
  build('x25519', 2, hpke.KEM_DHKEM_X25519_HKDF_SHA256),
];

/** The suite of a name. */
export function suiteByName(name: SealSuite): Suite {
  const found = suites.find((suite) => suite.name === name);
  if (!found) throw new TypeError(`unknown suite ${name}`);
  return found;
}

/** The suite of a payload's first byte; undefined for one of another version. */
export function suiteByCode(code: number): Suite | undefined {
  return suites.find((suite) => suite.code === code);
}
