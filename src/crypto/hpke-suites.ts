/** The two HPKE cipher suites (RFC 9180) of sealed values: which one a value uses is its first byte. */
import * as hpke from 'hpke';

/** `x-wing` is ML-KEM-768 with X25519 (KEM 0x647a), safe against harvest-now-decrypt-later; `x25519` is DHKEM. */
export type SealSuite = 'x-wing' | 'x25519';

export interface SuiteParameters {
  suite: SealSuite;
  /** First byte of the payload. */
  code: number;
  /** Bytes of the encapsulated key. */
  encapsulatedLength: number;
  cipherSuite: hpke.CipherSuite;
}

function build(suite: SealSuite): SuiteParameters {
  const kem = suite === 'x-wing' ? hpke.KEM_MLKEM768_X25519 : hpke.KEM_DHKEM_X25519_HKDF_SHA256;
  return {
    suite,
    code: suite === 'x-wing' ? 1 : 2,
    encapsulatedLength: suite === 'x-wing' ? 1120 : 32,
    cipherSuite: new hpke.CipherSuite(
      kem as ReturnType<typeof Object> as typeof hpke.KEM_DHKEM_X25519_HKDF_SHA256,
      hpke.KDF_HKDF_SHA256,
      hpke.AEAD_AES_256_GCM,
    ) as unknown as hpke.CipherSuite,
  };
}

const suites: readonly SuiteParameters[] = [build('x-wing'), build('x25519')];

/** Parameters of a suite by its name. */
export function suiteByName(name: SealSuite): SuiteParameters {
  const found = suites.find(({ suite }) => suite === name);
  if (!found) throw new TypeError(`unknown suite ${name}`);
  return found;
}

/** Parameters of a suite by the code in a payload; undefined for a code of another version. */
export function suiteByCode(code: number | undefined): SuiteParameters | undefined {
  return suites.find((entry) => entry.code === code);
}
