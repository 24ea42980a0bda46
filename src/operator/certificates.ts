/**
 * The gateway's own certificate authority and serving certificate, kept in one Secret of the operator's namespace and
 * renewed before they end. No other component is needed to install mcpcore.
 */
// @peculiar/x509 resolves its parts through a container that needs this polyfill loaded before it.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const day = 24 * 60 * 60 * 1000;
/** Life of the authority: long, because pods hold it for as long as they run. */
const authorityLife = 3650 * day;
/** A new authority joins the bundle a year before the old one ends, so that every pod has learned it by then. */
const authorityOverlap = 365 * day;
const servingLife = 90 * day;
const servingOverlap = 30 * day;
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** PEM texts. */
export interface Certificates {
  /** One or, while one replaces another, two certificates; the newest first. */
  authority: string;
  authorityKey: string;
  certificate: string;
  key: string;
}

/**
 * Returns certificates good at `now`: the given ones while they are, else renewed ones.
 * @param names DNS names that the serving certificate speaks for
 */
export async function ensureCertificates(
  stored: Certificates | undefined,
  names: readonly string[],
  now: Date,
): Promise<{ certificates: Certificates; changed: boolean }> {
  const authority = await ensureAuthority(stored, now);
  if (stored && authority === stored && servingIsGood(stored, names, now)) {
    return { certificates: stored, changed: false };
  }
  const serving = await issueServing(authority, names, now);
  return { certificates: { ...authority, ...serving }, changed: true };
}

async function ensureAuthority(
  stored: Certificates | undefined,
  now: Date,
): Promise<Pick<Certificates, 'authority' | 'authorityKey'>> {
  const [newest] = stored ? splitPem(stored.authority) : [];
  if (stored && newest && endsAfter(newest, now.getTime() + authorityOverlap)) return stored;
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=mcpcore gateway CA',
    notBefore: new Date(now.getTime() - 5 * 60 * 1000),
    notAfter: new Date(now.getTime() + authorityLife),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const still = stored ? splitPem(stored.authority).filter((pem) => endsAfter(pem, now.getTime())) : [];
  return {
    authority: [`${certificate.toString('pem')}\n`, ...still].join(''),
    authorityKey: await exportKey(keys.privateKey),
  };
}

function servingIsGood(stored: Certificates, names: readonly string[], now: Date): boolean {
  if (!endsAfter(stored.certificate, now.getTime() + servingOverlap)) return false;
  const alternative = new X509Certificate(stored.certificate).getExtension(SubjectAlternativeNameExtension);
  const held = new Set(alternative?.names.items.map((item) => item.value));
  return names.every((name) => held.has(name));
}

async function issueServing(
  authority: Pick<Certificates, 'authority' | 'authorityKey'>,
  names: readonly string[],
  now: Date,
): Promise<Pick<Certificates, 'certificate' | 'key'>> {
  const [issuerPem] = splitPem(authority.authority);
  const issuer = new X509Certificate(issuerPem ?? '');
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${names[0] ?? 'mcpcore'}`,
    issuer: issuer.subject,
    notBefore: new Date(now.getTime() - 5 * 60 * 1000),
    notAfter: new Date(now.getTime() + servingLife),
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.authorityKey),
    signingAlgorithm: algorithm,
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value }))),
      // Two authorities of one bundle have one name; OpenSSL tells by this which of them issued the certificate.
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificate: `${certificate.toString('pem')}\n`, key: await exportKey(keys.privateKey) };
}

function endsAfter(pem: string, time: number): boolean {
  return new X509Certificate(pem).notAfter.getTime() > time;
}

function splitPem(bundle: string): string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----\n?/g) ?? [];
}

type Keys = webcrypto.CryptoKeyPair;

function generateKeys(): Promise<Keys> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  const lines = pkcs8.match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}
