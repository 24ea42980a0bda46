/** The stream server over real WebSockets: who is let in, what is sent, and when it ends. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Registry } from 'prom-client';
import { WebSocket } from 'ws';
import type { McpEnvironment, McpServer } from '../../../src/api/generated/types.ts';
import {
  closeReconnect,
  closeRevoked,
  parseServerMessage,
  streamAudience,
  streamPath,
  streamProtocol,
  type EnvMessage,
  type ServerMessage,
} from '../../../src/api/stream-protocol.ts';
import { encryptRecord, generateStorageKey } from '../../../src/crypto/envelope.ts';
import { Secret } from '../../../src/crypto/secret.ts';
import type { TokenReviewStatus } from '../../../src/gateway/stream/authenticate.ts';
import { ConsumerRegistry } from '../../../src/gateway/stream/consumers.ts';
import { gatewayMetrics } from '../../../src/gateway/metrics.ts';
import { StreamServer } from '../../../src/gateway/stream/stream-server.ts';
import type { Log } from '../../../src/kube/log.ts';
import { waitFor } from '../../support/wait.ts';

const storageKey = generateStorageKey();
const namespace = 'team-a';
let http: Server;
let streams: StreamServer;
let consumers: ConsumerRegistry;
let registry: Registry;
let servers: Map<string, McpServer>;
let environments: Map<string, McpEnvironment>;
let tokens: Map<string, TokenReviewStatus>;
let logged: string[];
let sockets: WebSocket[];

const write = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`);
const log: Log = { debug: write, info: write, warn: write, error: write };

function server(name: string, generation = 1, code = 'return 1', uid = `uid-${name}`): McpServer {
  return {
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpServer',
    metadata: { name, namespace, generation, uid },
    spec: { tools: [{ name: 'a', code }] },
  };
}

async function environment(
  name: string,
  revision: number,
  values: Record<string, string>,
): Promise<McpEnvironment> {
  const records = new Map<string, NonNullable<McpEnvironment['spec']['values']>[string]>();
  for (const [key, value] of Object.entries(values)) {
    const scope = { namespace, server: name, key, revision };
    const record = await encryptRecord(Secret.fromText(value), scope, storageKey);
    records.set(key, { record, revision, source: 'x', secret: 's' });
  }
  return {
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpEnvironment',
    metadata: { name, namespace, uid: `uid-${name}` },
    spec: { revision, values: Object.fromEntries(records), unredacted: [] },
  };
}

/** A token that expires in an hour, of a pod of a server. */
function token(name: string, more: Partial<TokenReviewStatus> = {}, expiresInMs = 3_600_000): string {
  const claims = { exp: (Date.now() + expiresInMs) / 1000, n: tokens.size };
  const bearer = `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
  tokens.set(bearer, {
    authenticated: true,
    audiences: [streamAudience],
    user: {
      username: `system:serviceaccount:${namespace}:mcp-${name}`,
      extra: {
        'authentication.kubernetes.io/pod-name': [`${name}-0`],
        'authentication.kubernetes.io/pod-uid': ['p'],
      },
    },
    ...more,
  });
  return bearer;
}

interface Stream {
  socket: WebSocket;
  messages: ServerMessage[];
  env: () => EnvMessage | undefined;
  closed: Promise<number>;
}

function connect(
  path: string,
  bearer: string | undefined,
  protocol: string | undefined = streamProtocol,
): WebSocket {
  const { port } = http.address() as AddressInfo;
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol === '' ? [] : [protocol], {
    ...(bearer && { headers: { authorization: `Bearer ${bearer}` } }),
  });
  sockets.push(socket);
  return socket;
}

async function open(name: string, bearer = token(name), query = ''): Promise<Stream> {
  const socket = connect(streamPath(namespace, name) + query, bearer);
  const messages: ServerMessage[] = [];
  socket.on('message', (data: Buffer) => {
    const message = parseServerMessage(data.toString());
    if (message) messages.push(message);
  });
  const closed = once(socket, 'close').then(([code]) => code as number);
  await once(socket, 'open');
  const env = () => messages.findLast((message) => message.type === 'env');
  return { socket, messages, env, closed };
}

async function refusal(
  path: string,
  bearer?: string,
  protocol?: string,
): Promise<{ status: number; code: string }> {
  const socket = connect(path, bearer, protocol);
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  const { code } = JSON.parse(await text(response)) as { code: string };
  return { status: response.statusCode ?? 0, code };
}

async function publish(name: string, revision: number, values: Record<string, string>): Promise<void> {
  const next = await environment(name, revision, values);
  environments.set(`${namespace}/${name}`, next);
  streams.environmentChanged(`${namespace}/${name}`, next);
}

async function start(options: { pingMs?: number } = {}): Promise<void> {
  registry = new Registry();
  streams = new StreamServer({
    review: async (bearer) => tokens.get(bearer) ?? {},
    findStorageKey: (id) => (id === storageKey.id ? storageKey : undefined),
    server: (key) => servers.get(key),
    environment: (key) => environments.get(key),
    consumers,
    log,
    metrics: gatewayMetrics(registry),
    ...options,
  });
  http = createServer();
  streams.attach(http);
  await once(http.listen(0, '127.0.0.1'), 'listening');
}

beforeEach(async () => {
  logged = [];
  sockets = [];
  tokens = new Map();
  servers = new Map([[`${namespace}/tools`, server('tools')]]);
  environments = new Map([[`${namespace}/tools`, await environment('tools', 1, { A: 'one' })]]);
  consumers = new ConsumerRegistry(() => undefined);
  await start();
});

afterEach(async () => {
  for (const socket of sockets) socket.terminate();
  http.closeAllConnections();
  await once(http.close(), 'close');
});

describe('a pod of the server', () => {
  it('gets hello, then the whole environment, and tools if it asks', async () => {
    const plain = await open('tools');
    await waitFor('the environment', () => plain.env());
    expect(plain.messages).toEqual([
      { type: 'hello', idleSeconds: 25 },
      { type: 'env', revision: 1, values: { A: 'one' }, unredacted: [] },
    ]);
    const withTools = await open('tools', token('tools'), '?tools=1');
    await waitFor('the environment', () => withTools.env());
    expect(withTools.messages.map(({ type }) => type).toSorted()).toEqual(['env', 'hello', 'tools']);
  });

  it('gets every change, and an absent key is gone', async () => {
    const { env } = await open('tools');
    await waitFor('the first state', () => env()?.revision === 1);
    await publish('tools', 2, { ['__proto__']: 'x', B: 'two' });
    await waitFor('the second state', () => env()?.revision === 2);
    expect(env()?.values).not.toHaveProperty('A');
    expect(Object.hasOwn(env()?.values ?? {}, '__proto__')).toBe(true);
  });

  it('waits while there is no environment, rather than being told that it is empty', async () => {
    environments.clear();
    const { env, socket, messages } = await open('tools');
    await waitFor('hello', () => messages.length > 0);
    socket.ping();
    await once(socket, 'pong');
    expect(env()).toBeUndefined();
    await publish('tools', 1, {});
    await waitFor('the environment', () => env());
    expect(env()?.values).toEqual({});
  });

  it('keeps what it has while a record cannot be read, and gets the next that can', async () => {
    const { env } = await open('tools');
    await waitFor('the first state', () => env()?.revision === 1);
    const broken = await environment('tools', 2, { A: 'two', B: 'three' });
    const [record] = Object.values(broken.spec.values ?? {});
    if (record) record.record = `${record.record.slice(0, -4)}AAAA`;
    streams.environmentChanged(`${namespace}/tools`, broken);
    await waitFor('the complaint', () => logged.find((line) => line.includes('environment not readable')));
    expect(env()?.revision).toBe(1);
    await publish('tools', 3, { A: 'four' });
    await waitFor('the next state', () => env()?.revision === 3);
  });

  it('gets new tools, also those of a server made anew under the same name', async () => {
    const first = await open('tools', token('tools'), '?tools=1');
    const codes = (stream: Stream) =>
      stream.messages.flatMap((message) =>
        message.type === 'tools' ? message.tools.map(({ code }) => code) : [],
      );
    await waitFor('the tools', () => codes(first).length === 1);
    streams.serverChanged(`${namespace}/tools`, server('tools', 2, 'return 2'));
    await waitFor('the change', () => codes(first).at(-1) === 'return 2');
    streams.serverChanged(`${namespace}/tools`, undefined);
    servers.set(`${namespace}/tools`, server('tools', 2, 'return 3', 'another uid'));
    expect(await first.closed).toBe(closeRevoked);
    const second = await open('tools', token('tools'), '?tools=1');
    await waitFor('the new tools', () => codes(second).at(-1) === 'return 3');
  });

  it('is counted with the revision that it acknowledged, until it leaves', async () => {
    const { socket, env } = await open('tools');
    await waitFor('the state', () => env());
    expect(consumers.of(`${namespace}/tools`)).toEqual([{ pod: 'tools-0', revision: 0 }]);
    socket.send(JSON.stringify({ type: 'ack', revision: 1 }));
    await waitFor('the acknowledgement', () => consumers.of(`${namespace}/tools`)[0]?.revision === 1);
    const metrics = await registry.metrics();
    expect(metrics).toContain('mcpcore_stream_acknowledged_seconds_count 1');
    expect(metrics).toContain('mcpcore_stream_connections 1');
    socket.close();
    await waitFor('the departure', () => consumers.servers().length === 0);
    expect(await registry.metrics()).toContain('mcpcore_stream_connections 0');
  });

  it('that reads slowly skips the states in between', async () => {
    const { socket, env, messages } = await open('tools');
    await waitFor('the first state', () => env());
    socket.pause();
    const big = 'x'.repeat(60_000);
    const keys = Array.from({ length: 10 }, (_, index) => `K${index}`);
    for (let revision = 2; revision <= 40; revision += 1) {
      await publish('tools', revision, Object.fromEntries(keys.map((key) => [key, `${revision}${big}`])));
    }
    await waitFor('the last to be serialised', async () => {
      const pushed = /mcpcore_stream_messages_total\{type="env"\} (\d+)/.exec(await registry.metrics())?.[1];
      return Number(pushed) > 1;
    });
    socket.resume();
    await waitFor('the last state', () => env()?.revision === 40);
    expect(messages.filter(({ type }) => type === 'env').length).toBeLessThan(40);
  });
});

describe('nobody else', () => {
  const path = streamPath(namespace, 'tools');
  it('gets in', async () => {
    servers.set(`${namespace}/others`, server('others'));
    const user = (username: string, extra = {}) => ({ user: { username, extra } });
    const bound = { 'authentication.kubernetes.io/pod-name': ['x'] };
    expect(await refusal(path)).toEqual({ status: 401, code: 'Unauthenticated' });
    expect(await refusal(path, 'unknown')).toEqual({ status: 401, code: 'Unauthenticated' });
    expect(await refusal(path, token('tools', { audiences: ['api'] }))).toMatchObject({ status: 401 });
    expect(await refusal(path, token('tools', { authenticated: false }))).toMatchObject({ status: 401 });
    expect(await refusal(path, token('others'))).toEqual({ status: 403, code: 'Forbidden' });
    expect(await refusal(path, token('tools', user('system:admin', bound)))).toMatchObject({ status: 403 });
    const unbound = user(`system:serviceaccount:${namespace}:mcp-tools`);
    expect(await refusal(path, token('tools', unbound))).toMatchObject({ status: 403 });
    const neighbour = user('system:serviceaccount:team-b:mcp-tools', bound);
    expect(await refusal(path, token('tools', neighbour))).toMatchObject({ status: 403 });
  });

  it('learns whether a server exists', async () => {
    const nowhere = streamPath(namespace, 'nowhere');
    expect(await refusal(nowhere, token('tools'))).toEqual({ status: 403, code: 'Forbidden' });
    expect(await refusal(nowhere, token('nowhere'))).toEqual({ status: 404, code: 'ServerNotFound' });
  });

  it('is let in by another path or protocol', async () => {
    expect(await refusal('/v1/other', token('tools'))).toEqual({ status: 404, code: 'NotFound' });
    expect(await refusal(path, token('tools'), 'env.v9.mcpcore.dev')).toMatchObject({ status: 400 });
    expect(await refusal(path, token('tools'), '')).toMatchObject({ status: 400 });
  });

  it('leaves more than a line with names in the log', async () => {
    const bearer = token('others');
    await refusal(path, bearer);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain('system:serviceaccount:team-a:mcp-others');
    expect(logged[0]).not.toContain(bearer);
  });

  it('learns why the review failed', async () => {
    tokens.get = () => {
      throw new Error('the API server is away');
    };
    expect(await refusal(path, 'x')).toEqual({ status: 503, code: 'NotReady' });
  });
});

describe('a stream ends', () => {
  it('when the token does', async () => {
    const { closed } = await open('tools', token('tools', {}, 400));
    expect(await closed).toBe(closeReconnect);
  });

  it('when the replica does', async () => {
    const { closed } = await open('tools');
    streams.close();
    expect(await closed).toBe(closeReconnect);
    expect(await refusal(streamPath(namespace, 'tools'), token('tools'))).toMatchObject({ status: 503 });
  });

  it('when the server is deleted', async () => {
    const { closed } = await open('tools');
    streams.serverChanged(`${namespace}/tools`, undefined);
    expect(await closed).toBe(closeRevoked);
  });

  it.each([
    ['no message of the protocol', 'hi', 1008],
    ['binary', Buffer.from('{"type":"ack","revision":1}'), 1008],
    ['large', 'x'.repeat(5000), 1009],
  ])('when what the pod sends is %s', async (_, data, code) => {
    const { socket, closed } = await open('tools');
    socket.send(data);
    expect(await closed).toBe(code);
  });

  it('when a pod does not answer', async () => {
    await once(http.close(), 'close');
    await start({ pingMs: 20 });
    const { socket, closed } = await open('tools');
    socket.pause();
    await waitFor('the departure', () => consumers.servers().length === 0);
    socket.resume();
    expect(await closed).toBe(1006);
  });

  it('never for a pod that answers', async () => {
    await once(http.close(), 'close');
    await start({ pingMs: 20 });
    const { socket } = await open('tools');
    let pings = 0;
    socket.on('ping', () => {
      pings += 1;
    });
    await waitFor('some pings', () => pings > 5);
    expect(socket.readyState).toBe(socket.OPEN);
  });
});

it('one pod cannot hold more than its share', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => open('tools')));
  const path = streamPath(namespace, 'tools');
  expect(await refusal(path, token('tools'))).toEqual({ status: 429, code: 'TooManyStreams' });
  all[0]?.socket.close();
  await all[0]?.closed;
  await waitFor('a free place', async () =>
    (await registry.metrics()).includes('mcpcore_stream_connections 7'),
  );
  await open('tools');
});
