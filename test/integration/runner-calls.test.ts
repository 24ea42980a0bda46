import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tool } from '../../src/api/stream-protocol.ts';
import { TestGateway } from '../support/env-gateway.ts';
import { call, RunnerProcess, textOf, type Era } from '../support/runner-process.ts';
import { waitFor } from '../support/wait.ts';

const anyArguments = { type: 'object' };
/** Digests keep values out of answers, where redaction would replace them. */
const digestCode = `
  let h = 0n;
  for (const unit of Array.from({ length: env[args.key].length }, (_, i) => env[args.key].charCodeAt(i))) {
    h = BigInt.asUintN(64, h * 1099511628211n + BigInt(unit) + 1n);
  }
  return { length: env[args.key].length, digest: String(h) };`;

function digest(value: string): object {
  let h = 0n;
  for (let i = 0; i < value.length; i += 1)
    h = BigInt.asUintN(64, h * 1099511628211n + BigInt(value.charCodeAt(i)) + 1n);
  return { length: value.length, digest: String(h) };
}

const tools: Tool[] = [
  {
    name: 'read',
    code: 'return env[args.key] === undefined ? "undefined" : `is ${env[args.key]}`',
    inputSchema: anyArguments,
  },
  { name: 'digest', code: digestCode, inputSchema: anyArguments },
  {
    name: 'slow',
    code: `const before = env.MODE; sdk.progress(1); await new Promise((r) => setTimeout(r, 800));
           return [before, env.MODE].join()`,
  },
  { name: 'fails', code: '\n\nthrow new TypeError(`wrong: ${env.TOKEN}`)' },
  { name: 'prints', code: 'console.log("token", env.TOKEN, { nested: env.TOKEN }); return "ok"' },
  {
    name: 'adds',
    title: 'Add',
    description: 'Adds two numbers',
    code: 'return { sum: args.a + args.b }',
    inputSchema: {
      type: 'object',
      properties: { a: { type: 'number' }, b: { type: 'number' } },
      required: ['a', 'b'],
      additionalProperties: false,
    },
    outputSchema: { type: 'object', properties: { sum: { type: 'number' } }, required: ['sum'] },
  },
  { name: 'loops', code: 'for (;;);', timeoutSeconds: 1 },
  { name: 'microtasks', code: 'await (async () => { for (;;) await 0 })()', timeoutSeconds: 1 },
  { name: 'pending', code: 'await new Promise(() => {})', timeoutSeconds: 1 },
  { name: 'heap', code: 'const all = []; for (;;) all.push(new Array(1e5).fill(1.5))' },
  { name: 'buffers', code: 'const all = []; for (;;) all.push(new Uint8Array(1e7).fill(1))' },
  { name: 'forever', code: 'sdk.progress(1); await new Promise(() => {})', timeoutSeconds: 600 },
  {
    name: 'loopback',
    code: 'return (await sdk.http({ url: `http://127.0.0.1:${args.port}/readyz` })).status',
    inputSchema: anyArguments,
  },
];

describe.each<Era>(['legacy', 'modern'])('runner with a %s client', (era) => {
  let gateway: TestGateway;
  let runner: RunnerProcess;
  const open = async (): ReturnType<RunnerProcess['client']> => runner.client(era);
  let revision = 1;
  const token = 'ghp_value-one';
  const base = { TOKEN: token, MODE: 'first', DELETED: 'x-to-be-deleted' };
  const set = (values: Record<string, string>): Promise<void> =>
    gateway.setEnv({ revision: ++revision, values, unredacted: ['MODE'] });

  beforeAll(async () => {
    gateway = await TestGateway.start();
    gateway.state = { revision, values: base, unredacted: ['MODE'] };
    gateway.tools = { generation: 1, tools };
    runner = new RunnerProcess(gateway, { MCPCORE_POOL_MIN: '2', MCPCORE_POOL_MAX: '3' });
    await runner.ready();
  });
  afterAll(async () => {
    await runner.stop();
    await gateway.close();
  });

  it('lists the tools in the order of their names', async () => {
    const listed = (await (await open()).listTools()).tools;
    expect(listed.map(({ name }) => name)).toEqual(tools.map(({ name }) => name).sort());
    expect(listed[0]).toMatchObject({ name: 'adds', title: 'Add', description: 'Adds two numbers' });
    expect(listed[0]?.inputSchema.required).toEqual(['a', 'b']);
  });

  it('calls a tool and gives structured content', async () => {
    const answer = await call(await open(), 'adds', { a: 2, b: 3 });
    expect(answer).toMatchObject({
      structuredContent: { sum: 5 },
      content: [{ type: 'text', text: '{"sum":5}' }],
    });
  });

  it('reports arguments that do not conform as a tool error, without running the tool', async () => {
    const answer = await call(await open(), 'adds', { a: 'two', c: 1 });
    expect(answer.isError).toBe(true);
    expect(textOf(answer)).toMatch(/required property 'b'.*\(c\).*\/a must be number/);
  });

  it('answers an unknown tool with a protocol error', async () => {
    await expect(call(await open(), 'nope')).rejects.toMatchObject({ code: -32602 });
  });

  it('says what was thrown and where, redacted', async () => {
    const answer = await call(await open(), 'fails');
    expect(answer.isError).toBe(true);
    expect(textOf(answer)).toBe('TypeError: wrong: [redacted:TOKEN] (line 3)');
  });

  it('redacts answers and what tool code prints', async () => {
    const client = await open();
    expect(textOf(await call(client, 'read', { key: 'TOKEN' }))).toBe('is [redacted:TOKEN]');
    await call(client, 'prints');
    const printed = await waitFor('a line of the console', () =>
      runner.lines().find(({ kind }) => kind === 'console'),
    );
    expect(printed).toMatchObject({ tool: 'prints', level: 'info' });
    expect(printed['message']).toBe('token [redacted:TOKEN] {"nested":"[redacted:TOKEN]"}');
    expect(runner.output).not.toContain(token);
  });

  it('writes one line per call, with names of missing keys', async () => {
    await call(await open(), 'read', { key: 'NOPE' });
    const line = await waitFor('a line with missing keys', () =>
      runner.lines().find(({ missingKeys }) => missingKeys !== undefined),
    );
    expect(line).toMatchObject({
      kind: 'call',
      tool: 'read',
      outcome: 'Ok',
      missingKeys: ['NOPE'],
      requestBytes: 14,
    });
    expect(line['revision']).toBe(revision);
  });

  it('gives a changed value to the next call, while a running call keeps the old one', async () => {
    const client = await open();
    await set({ ...base, MODE: 'first' });
    const begun = Promise.withResolvers<void>();
    let ended = false;
    const running = client
      .callTool({ name: 'slow', arguments: {} }, { onprogress: () => begun.resolve() })
      .finally(() => (ended = true));
    await begun.promise;
    await set({ ...base, MODE: 'second' });
    expect(textOf(await call(client, 'read', { key: 'MODE' }))).toBe('is second');
    expect(ended).toBe(false);
    expect(textOf((await running) as never)).toBe('first,first');
  });

  it('gives undefined for a deleted key', async () => {
    const client = await open();
    expect(textOf(await call(client, 'read', { key: 'DELETED' }))).toBe('is [redacted:DELETED]');
    await set({ TOKEN: token, MODE: 'second' });
    expect(textOf(await call(client, 'read', { key: 'DELETED' }))).toBe('undefined');
  });

  it('hands every value over exactly', async () => {
    const values: Record<string, string> = {
      LARGE: createHash('sha256').update('x').digest('hex').repeat(1024),
      LINES: '-----BEGIN-----\r\nline\n\ttab\n\n-----END-----\n',
      EMPTY: '',
      QUOTES: '"\\\u2028\u0000\u{1F511}',
      'ключ с пробелом 🔑': 'значение',
      __proto__x: 'p',
    };
    Object.defineProperty(values, '__proto__', { value: 'proto', enumerable: true });
    await set(values);
    const client = await open();
    for (const [key, value] of Object.entries(values)) {
      expect(JSON.parse(textOf(await call(client, 'digest', { key }))), key).toEqual(digest(value));
    }
    await set(base);
  });

  it.each([
    ['loops', 'did not finish within 1 s'],
    ['microtasks', 'did not finish within 1 s'],
    ['pending', 'did not finish within 1 s'],
    ['heap', 'heap memory'],
    ['buffers', 'MiB of memory'],
  ])('ends the call of %s and no other', async (name, message) => {
    const client = await open();
    const answer = await call(client, name);
    expect(answer.isError).toBe(true);
    expect(textOf(answer)).toContain(message);
    expect(textOf(await call(client, 'read', { key: 'MODE' }))).toBe('is first');
    expect((await runner.get('/readyz')).ok).toBe(true);
  });

  it('answers others while bombs go off in every process of the pool', async () => {
    const client = await open();
    const bombs = Array.from({ length: 3 }, () => call(client, 'loops'));
    expect(textOf(await call(client, 'read', { key: 'MODE' }))).toBe('is first');
    for (const bomb of await Promise.all(bombs)) expect(bomb.isError).toBe(true);
  });

  it('ends a call whose client goes away', async () => {
    const client = await open();
    const cancelled = (): number =>
      runner.lines().filter(({ outcome }) => outcome === 'ToolCancelled').length;
    const before = cancelled();
    const stop = new AbortController();
    // In 2026-07-28 closing the request is cancelling it; before, there is a notification that no stateless server
    // can match to its request, so the connection has to go.
    const leave = (): void => (era === 'modern' ? stop.abort() : void client.close());
    const running = client.callTool(
      { name: 'forever', arguments: {} },
      { signal: stop.signal, onprogress: leave },
    );
    await expect(running).rejects.toThrow();
    await waitFor('the call to end', () => cancelled() > before);
    expect(textOf(await call(await open(), 'read', { key: 'MODE' }))).toBe('is first');
  });

  it('refuses sdk.http to the pod itself', async () => {
    const { port } = new URL(await runner.address());
    const answer = await call(await open(), 'loopback', { port });
    expect(textOf(answer)).toBe('HttpRefused: sdk.http: 127.0.0.1 is the pod itself');
  });

  it('refuses pages of other hosts and bodies that are too large', async () => {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const foreign = { method: 'POST', headers: { ...headers, origin: 'https://evil.test' }, body: '{}' };
    expect((await runner.get('/mcp', foreign)).status).toBe(403);
    const large = runner.get('/mcp', { method: 'POST', headers, body: '"'.padEnd(4_200_000, 'x') });
    // The answer may come, and the connection close, while the client is still writing.
    expect([413, 'closed']).toContain(
      await large.then(
        ({ status }) => status,
        () => 'closed',
      ),
    );
    expect((await runner.get('/readyz')).ok).toBe(true);
  });
});
