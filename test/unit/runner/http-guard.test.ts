import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusedAddress, refusedUrl } from '../../../src/runner/http/destination.ts';
import { redirected } from '../../../src/runner/http/redirect.ts';
import { parseHttpRequest, type HttpRequest } from '../../../src/runner/http/request.ts';

describe('refusedAddress', () => {
  it.each([
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '169.254.169.254',
    '169.254.170.2',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'febf::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '::169.254.169.254',
    '64:ff9b::169.254.169.254',
    '2002:a9fe:a9fe::1',
  ])('refuses %s', (address) => expect(refusedAddress(address)).toBeTypeOf('string'));

  it.each([
    '10.0.0.1',
    '192.168.1.1',
    '172.16.0.1',
    '100.64.0.1',
    '1.1.1.1',
    'fd12::1',
    '2606:4700::1111',
    '::ffff:10.0.0.1',
  ])('allows %s', (address) => expect(refusedAddress(address)).toBeUndefined());

  it('judges an IPv4 address alike in each of its IPv6 forms', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        for (const form of [`::ffff:${address}`, `64:ff9b::${address}`]) {
          expect(refusedAddress(form)).toBe(refusedAddress(address));
        }
      }),
    );
  });
});

describe('refusedUrl', () => {
  it.each([
    'http://127.1/',
    'http://0x7f000001/',
    'http://2130706433/',
    'http://[::1]/',
    'http://[::ffff:7f00:1]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://0251.0376.0251.0376/',
    'file:///etc/passwd',
    'data:text/plain,x',
  ])('refuses %s', (url) => expect(refusedUrl(new URL(url))).toBeTypeOf('string'));

  it('leaves names to the moment of connecting', () => {
    expect(refusedUrl(new URL('https://api.github.com/'))).toBeUndefined();
  });
});

describe('parseHttpRequest', () => {
  it('encodes query and json', () => {
    const request = parseHttpRequest(
      JSON.stringify({
        method: 'post',
        url: 'https://a.test/p?x=1',
        query: { q: 'a b', n: 2, l: ['1', '2'] },
        json: { k: 'v' },
      }),
    );
    expect(request.url.href).toBe('https://a.test/p?x=1&q=a+b&n=2&l=1&l=2');
    expect(request).toMatchObject({
      method: 'POST',
      body: '{"k":"v"}',
      headers: { 'content-type': 'application/json' },
    });
  });

  it.each(['null', '[]', '{}', '{"url":"/relative"}', '{"url":"https://a.test","method":"CONNECT"}'])(
    'refuses %s',
    (text) => {
      expect(() => parseHttpRequest(text)).toThrow('sdk.http: ');
    },
  );
});

describe('redirected', () => {
  const request: HttpRequest = {
    method: 'POST',
    url: new URL('https://a.test/x'),
    headers: {
      authorization: 'Bearer t',
      cookie: 'c',
      'x-api-key': 'k',
      accept: '*/*',
      'content-type': 'text/plain',
    },
    body: 'b',
    timeoutMs: 1,
    binary: false,
    followRedirects: true,
  };

  it('keeps everything within the origin on 307', () => {
    expect(redirected(request, 307, '/y')).toMatchObject({
      method: 'POST',
      body: 'b',
      headers: request.headers,
    });
  });

  it('drops every header that could be a credential on the way to another origin', () => {
    for (const location of ['https://b.test/', 'http://a.test/', 'https://a.test:444/', '//b.test/']) {
      const next = redirected(request, 303, location);
      expect(next?.headers).toEqual({ accept: '*/*' });
      expect(next?.body).toBeUndefined();
      expect(next?.method).toBe('GET');
    }
  });

  it('does not carry a body to another origin', () => {
    expect(() => redirected(request, 308, 'https://b.test/')).toThrow('asked to send the body');
  });

  it('is none without a location, on another status, or when the tool asked for that', () => {
    expect(redirected(request, 302, undefined)).toBeUndefined();
    expect(redirected(request, 200, '/y')).toBeUndefined();
    expect(redirected({ ...request, followRedirects: false }, 302, '/y')).toBeUndefined();
  });
});
