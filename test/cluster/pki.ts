/** Certificates of a throw-away cluster: one authority, and what it signs. */
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const lifetimeMs = 10 * 365 * 24 * 3600 * 1000;

/** A certificate and its private key, both as PEM text. */
export interface KeyedCertificate {
  certificate: string;
  key: string;
}

export interface Subject {
  commonName: string;
  /** Kubernetes reads it as a group. */
  organization?: string;
  /** IP addresses and DNS names that a server answers to; a certificate without any is for clients. */
  names?: string[];
}

/** A certificate authority that lives in memory. */
export class Authority {
  readonly certificate: string;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #issuer: string;

  private constructor(certificate: string, keys: webcrypto.CryptoKeyPair, issuer: string) {
    this.certificate = certificate;
    this.#keys = keys;
    this.#issuer = issuer;
  }

  static async create(name: string): Promise<Authority> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      ...validity(),
      name: `CN=${name}`,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature,
          true,
        ),
      ],
    });
    return new Authority(certificate.toString('pem'), keys, `CN=${name}`);
  }

  /** PEM text of the authority's own key, for parts that sign certificates themselves. */
  privateKey(): Promise<string> {
    return privatePem(this.#keys.privateKey);
  }

  /** Signs a certificate for a client or, when the subject has names, for a server. */
  async issue({ commonName, organization, names = [] }: Subject): Promise<KeyedCertificate> {
    const keys = await newKeys();
    const subject: x509.JsonName = [{ CN: [commonName] }];
    if (organization) subject.push({ O: [organization] });
    const usages = names.length > 0 ? [x509.ExtendedKeyUsage.serverAuth] : [x509.ExtendedKeyUsage.clientAuth];
    const alternative = names.map((name) => ({
      type: isAddress(name) ? ('ip' as const) : ('dns' as const),
      value: name,
    }));
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity(),
      subject,
      issuer: this.#issuer,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new x509.ExtendedKeyUsageExtension(usages),
        ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternative)] : []),
      ],
    });
    return { certificate: certificate.toString('pem'), key: await privatePem(keys.privateKey) };
  }
}

const isAddress = (name: string) => /^[0-9.]+$|:/.test(name);

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function validity() {
  const now = Date.now();
  return {
    serialNumber: `01${randomBytes(12).toString('hex')}`,
    // Clocks of one machine agree, yet a certificate from this very second is refused by some readers.
    notBefore: new Date(now - 3600 * 1000),
    notAfter: new Date(now + lifetimeMs),
    signingAlgorithm: algorithm,
  };
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** Writes `<base>.crt` and `<base>.key`. */
export async function writePair(base: string, pair: KeyedCertificate): Promise<void> {
  await writeFile(`${base}.crt`, pair.certificate);
  await writeFile(`${base}.key`, pair.key, { mode: 0o600 });
}

/** Writes `<base>.pub` and `<base>.key`, with which the API server signs ServiceAccount tokens. */
export async function writeServiceAccountKeys(base: string): Promise<void> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(`${base}.pub`, publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(`${base}.key`, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
}

/** Text of a kubeconfig for one client certificate. */
export function kubeconfig(server: string, authority: string, client: KeyedCertificate): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'mcpcore', cluster: { server, 'certificate-authority-data': base64(authority) } }],
      users: [
        {
          name: 'mcpcore',
          user: {
            'client-certificate-data': base64(client.certificate),
            'client-key-data': base64(client.key),
          },
        },
      ],
      contexts: [{ name: 'mcpcore', context: { cluster: 'mcpcore', user: 'mcpcore' } }],
      'current-context': 'mcpcore',
    },
    null,
    2,
  );
}
