/** The webhook listener over real HTTP: what it takes, what it refuses, and that it repeats nothing. */
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { McpError } from '../../../src/api/errors.ts';
import type { AdmissionRequest, Decision } from '../../../src/gateway/admission/review.ts';
import { webhookListener } from '../../../src/gateway/webhook-server.ts';
import type { Log } from '../../../src/kube/log.ts';

const canary = 'canary-in-body';
let server: Server;
let logged: string[] = [];
let reviewed: [string, string][] = [];

const reviewers: Record<string, (request: AdmissionRequest) => Decision> = {
  '/ok': () => ({ patch: [{ op: 'add', path: '/a', value: 1 }], warnings: ['careful'] }),
  '/refuse': () => {
    throw new McpError('ValueNotText', { field: 'spec.values[A]', type: 'number' });
  },
  '/break': ({ object }) => {
    throw new TypeError(`cannot read ${JSON.stringify(object)}`);
  },
};

const write = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`);
const log: Log = { debug: write, info: write, warn: write, error: write };

beforeAll(async () => {
  const onReviewed = (path: string, outcome: string) => void reviewed.push([path, outcome]);
  server = createServer(webhookListener({ reviewers, log, onReviewed }));
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

beforeEach(() => {
  logged = [];
  reviewed = [];
});

afterAll(async () => {
  server.closeAllConnections();
  await once(server.close(), 'close');
});

async function send(
  path: string,
  body: string,
  headers: Record<string, string | number> = { 'content-type': 'application/json' },
): Promise<{
  status: number;
  body: Record<string, unknown>;
  raw: string;
  headers: IncomingMessage['headers'];
}> {
  const { port } = server.address() as AddressInfo;
  const outgoing = httpRequest({ host: '127.0.0.1', port, path, method: 'POST', headers });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const raw = await text(response);
  return { status: response.statusCode ?? 0, body: JSON.parse(raw), raw, headers: response.headers };
}

const review = JSON.stringify({
  request: {
    uid: 'u-1',
    operation: 'CREATE',
    object: { metadata: { name: 'a' }, spec: { values: { A: canary } } },
  },
});

describe('a review', () => {
  it('is answered with its uid, the patch and the warnings', async () => {
    const { status, body } = await send('/ok', review);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: 'u-1', allowed: true, patchType: 'JSONPatch', warnings: ['careful'] },
    });
    expect(reviewed).toEqual([['/ok', 'allowed']]);
  });

  it('is refused with the status of the catalogue', async () => {
    const { status, body } = await send('/refuse', review);
    expect(status).toBe(200);
    expect(body['response']).toMatchObject({ uid: 'u-1', allowed: false, status: { code: 422 } });
    expect(reviewed).toEqual([['/refuse', 'ValueNotText']]);
  });

  it('that breaks is refused in a uniform sentence, and logged without what it held', async () => {
    const { body, raw } = await send('/break', review);
    expect(body['response']).toMatchObject({
      allowed: false,
      status: { code: 500, details: { causes: [{ reason: 'InternalError' }] } },
    });
    expect(logged).toEqual([expect.stringContaining('TypeError')]);
    expect(raw + logged.join()).not.toContain(canary);
  });
});

describe('a request that is no review', () => {
  it.each([
    ['an unknown path', '/admission/none', review, undefined, 404],
    ['a name of Object.prototype', '/constructor', review, undefined, 404],
    ['another content type', '/ok', review, { 'content-type': 'text/plain' }, 400],
    ['no JSON', '/ok', `{${canary}`, undefined, 400],
    ['JSON of another kind', '/ok', `{"a": "${canary}"}`, undefined, 400],
    ['no object', '/ok', '{"request": {"uid": "u", "operation": "DELETE", "object": null}}', undefined, 400],
  ])('%s', async (_, path, body, headers, expected) => {
    const { status, raw } = await send(path, body, headers);
    expect(status).toBe(expected);
    expect(raw + logged.join()).not.toContain(canary);
  });

  it('is not read further than the limit, announced or not', async () => {
    const big = 'x'.repeat(8 * 1024 * 1024 + 1);
    const json = { 'content-type': 'application/json' };
    const announced = await send('/ok', '', { ...json, 'content-length': big.length }).catch(String);
    expect(announced).toMatchObject({ status: 413, headers: { connection: 'close' } });
    const chunked = await send('/ok', big, { ...json, 'transfer-encoding': 'chunked' });
    expect(chunked.status).toBe(413);
  });
});
