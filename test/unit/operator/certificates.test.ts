/** The gateway's certificates: TLS clients accept them under the bundle, and they are renewed in good time. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { ensureCertificates, type Certificates } from '../../../src/operator/certificates.ts';

const names = ['mcpcore.mcp-system.svc', 'mcpcore.mcp-system.svc.cluster.local'];
const day = 24 * 60 * 60 * 1000;
const now = new Date();
const after = (days: number, from = now) => new Date(from.getTime() + days * day);
const first = (await ensureCertificates(undefined, names, now)).certificates;

const bundle = (certificates: Certificates) =>
  certificates.authority.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----\n/g) ?? [];

/** Connects to a server with these certificates as a pod does; resolves when the client accepts it. */
async function handshake(server: Certificates, ca: string, servername = names[0]!): Promise<void> {
  const listener = createServer({ cert: server.certificate, key: server.key }).listen(0, '127.0.0.1');
  listener.on('tlsClientError', () => undefined);
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', ca, servername });
  try {
    await once(socket, 'secureConnect');
  } finally {
    socket.destroy();
    listener.close();
  }
}

describe('the first certificates', () => {
  it('are accepted for each name and for no other', async () => {
    for (const name of names) await handshake(first, first.authority, name);
    await expect(handshake(first, first.authority, 'mcpcore.other.svc')).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  it('are not accepted under the authority of another cluster', async () => {
    const other = (await ensureCertificates(undefined, names, now)).certificates;
    await expect(handshake(first, other.authority)).rejects.toThrow(/certificate|signature/i);
  });

  it('let only the authority sign, and are good already for a clock five minutes behind', () => {
    const authority = new X509Certificate(first.authority);
    const serving = new X509Certificate(first.certificate);
    expect([authority.ca, serving.ca]).toEqual([true, false]);
    expect(serving.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    for (const certificate of [authority, serving]) {
      expect(now.getTime() - certificate.validFromDate.getTime()).toBeGreaterThanOrEqual(5 * 60 * 1000);
    }
    expect(serving.validToDate.getTime()).toBeLessThan(authority.validToDate.getTime());
  });
});

describe('renewal', () => {
  it('leaves good certificates as they are, to the last day', async () => {
    for (const days of [0, 59.9]) {
      const { certificates, changed } = await ensureCertificates(first, names, after(days));
      expect(changed, `after ${days} days`).toBe(false);
      expect(certificates).toEqual(first);
    }
  });

  it('replaces the serving certificate thirty days before its end, under the same authority', async () => {
    const { certificates, changed } = await ensureCertificates(first, names, after(60.1));
    expect(changed).toBe(true);
    expect(certificates.authority).toBe(first.authority);
    expect(certificates.authorityKey).toBe(first.authorityKey);
    expect(certificates.key).not.toBe(first.key);
    const end = new X509Certificate(certificates.certificate).validToDate;
    expect(Math.round((end.getTime() - now.getTime()) / day)).toBe(150);
  });

  it('replaces the serving certificate when a name is added, not when one is left out', async () => {
    const more = await ensureCertificates(first, [...names, 'mcpcore'], now);
    expect(more.changed).toBe(true);
    await handshake(more.certificates, first.authority, 'mcpcore');
    expect((await ensureCertificates(first, names.slice(0, 1), now)).changed).toBe(false);
  });
});

describe('a new authority', () => {
  const late = after(3650 - 364);

  it('joins the old one in the bundle a year before that ends, newest first', async () => {
    const early = await ensureCertificates(first, names, after(3650 - 366));
    expect(early.certificates.authority).toBe(first.authority);
    const { certificates } = await ensureCertificates(first, names, late);
    const [newest, oldest, ...more] = bundle(certificates);
    expect([oldest, more]).toEqual([bundle(first)[0], []]);
    expect(new X509Certificate(newest!).validToDate.getTime()).toBeGreaterThan(after(3650).getTime());
    const serving = new X509Certificate(certificates.certificate);
    expect(serving.verify(new X509Certificate(newest!).publicKey)).toBe(true);
    // The next look finds nothing to do, though the old authority is still near its end.
    expect((await ensureCertificates(certificates, names, late)).changed).toBe(false);
  });

  it('and the old one are told apart by a client that holds both', async () => {
    // The same events, shifted so that both authorities and both serving certificates are good today.
    const born = after(-3650 + 365 - 0.5);
    const old = (await ensureCertificates(undefined, names, born)).certificates;
    const underOld = (await ensureCertificates(old, names, after(-1))).certificates;
    expect(underOld.authority).toBe(old.authority);
    const underNew = (await ensureCertificates(underOld, names, now)).certificates;
    expect(bundle(underNew)).toHaveLength(2);
    const oldestFirst = bundle(underNew).toReversed().join('');
    for (const server of [underOld, underNew]) {
      for (const ca of [underNew.authority, oldestFirst]) await handshake(server, ca);
    }
  });

  it('takes the place of one that has ended', async () => {
    const { certificates } = await ensureCertificates(first, names, after(3651));
    expect(bundle(certificates)).toHaveLength(1);
    expect(certificates.authority).not.toBe(first.authority);
  });
});
