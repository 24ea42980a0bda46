import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpClient } from '../../../src/runner/http/client.ts';

const allowed = { address: () => undefined, url: () => undefined };
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

async function listen(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server: Server = createServer(handler);
  open.push({ close: () => (server.closeAllConnections(), server.close()) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function client(options: ConstructorParameters<typeof HttpClient>[0]): HttpClient {
  const made = new HttpClient(options);
  open.push(made);
  return made;
}

async function run(
  http: HttpClient,
  request: object,
  signal = new AbortController().signal,
): Promise<unknown> {
  return JSON.parse(await http.handle(JSON.stringify(request), signal));
}

describe('HttpClient', () => {
  it('gives status, headers and body', async () => {
    const url = await listen((request, response) => {
      response.writeHead(201, { 'x-method': request.method });
      request.pipe(response);
    });
    const answer = await run(client({ refuses: allowed }), { method: 'PUT', url, body: 'žluť' });
    expect(answer).toMatchObject({ value: { status: 201, headers: { 'x-method': 'PUT' }, body: 'žluť' } });
  });

  it('gives bytes as base64 on request', async () => {
    const url = await listen((_, response) => void response.end(Buffer.from([0, 255, 128])));
    const answer = await run(client({ refuses: allowed }), { url, responseType: 'base64' });
    expect(answer).toMatchObject({ value: { body: 'AP+A' } });
  });

  it('refuses the pod itself and metadata addresses without connecting', async () => {
    let hits = 0;
    const url = await listen((_, response) => (hits++, response.end()));
    const http = client({});
    for (const target of [url, url.replace('127.0.0.1', 'localhost'), 'http://169.254.169.254/']) {
      expect(await run(http, { url: target })).toMatchObject({ error: { name: 'HttpRefused' } });
    }
    expect(hits).toBe(0);
  });

  it('refuses a name one of whose addresses is refused, at the moment of connecting', async () => {
    const lookup = ((_host, _options, callback) =>
      callback(null, [
        { address: '203.0.113.1', family: 4 },
        { address: '169.254.169.254', family: 4 },
      ])) as LookupFunction;
    const answer = await run(client({ lookup }), { url: 'http://rebind.test/' });
    expect(answer).toEqual({
      error: { name: 'HttpRefused', message: 'sdk.http: rebind.test is a link-local address' },
    });
  });

  it('checks each redirect', async () => {
    const url = await listen(
      (_, response) => void response.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
    );
    const refuses = {
      address: () => undefined,
      url: (to: URL) => (to.hostname.startsWith('169.') ? 'no' : undefined),
    };
    expect(await run(client({ refuses }), { url })).toMatchObject({ error: { name: 'HttpRefused' } });
  });

  it('leaves credentials behind at another origin', async () => {
    let seen: IncomingMessage['headers'] = {};
    const second = await listen((request, response) => ((seen = request.headers), response.end('there')));
    const first = await listen((_, response) => void response.writeHead(302, { location: second }).end());
    const headers = { Authorization: 'Bearer t', 'X-Api-Key': 'k', Accept: 'text/plain' };
    expect(await run(client({ refuses: allowed }), { url: first, headers })).toMatchObject({
      value: { body: 'there' },
    });
    expect(seen).toMatchObject({ accept: 'text/plain' });
    expect(Object.keys(seen)).not.toContain('authorization');
    expect(Object.keys(seen)).not.toContain('x-api-key');
  });

  it('ends a circle of redirects', async () => {
    const url = await listen((_, response) => void response.writeHead(302, { location: '/' }).end());
    expect(await run(client({ refuses: allowed }), { url })).toMatchObject({ error: { name: 'HttpFailed' } });
  });

  it('stops reading an answer that is too large', async () => {
    const url = await listen((_, response) => void response.end(Buffer.alloc(2000)));
    const answer = await run(client({ refuses: allowed, maxBytes: 1999 }), { url });
    expect(answer).toEqual({
      error: { name: 'HttpFailed', message: 'sdk.http: the answer is larger than 1999 bytes' },
    });
  });

  it('ends with the call', async () => {
    const stop = new AbortController();
    const url = await listen(() => stop.abort());
    expect(await run(client({ refuses: allowed }), { url }, stop.signal)).toMatchObject({
      error: { name: 'HttpFailed' },
    });
  });

  it('ends at its timeout', async () => {
    const url = await listen(() => undefined);
    const answer = await run(client({ refuses: allowed }), { url, timeout: 50 });
    expect(answer).toEqual({ error: { name: 'HttpFailed', message: 'sdk.http: no answer in time' } });
  });
});
