import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeReconnect, closeRevoked } from '../../src/api/stream-protocol.ts';
import { TestGateway } from '../support/env-gateway.ts';
import { call, RunnerProcess, textOf } from '../support/runner-process.ts';
import { waitFor } from '../support/wait.ts';

const tools = [
  { name: 'mode', code: 'return String(env.MODE)' },
  { name: 'slow', code: 'sdk.progress(1); await new Promise((r) => setTimeout(r, 500)); return "finished"' },
];
const state = (
  revision: number,
  MODE: string,
): { revision: number; values: { MODE: string }; unredacted: string[] } => ({
  revision,
  values: { MODE },
  unredacted: ['MODE'],
});

describe('runner and the env stream', () => {
  let gateway: TestGateway;
  let runner: RunnerProcess | undefined;
  const start = async (): Promise<RunnerProcess> => {
    runner = new RunnerProcess(gateway, { MCPCORE_POOL_MIN: '1', MCPCORE_POOL_MAX: '2' });
    await runner.address();
    return runner;
  };
  const mode = async (): Promise<string> => {
    const client = await runner?.client('modern');
    return client ? textOf(await call(client, 'mode')) : '';
  };

  beforeEach(async () => {
    gateway = await TestGateway.start();
    gateway.state = state(1, 'one');
    gateway.tools = { generation: 1, tools };
  });
  afterEach(async () => {
    await runner?.stop();
    await gateway.close();
  });

  it('is closed until values and tools have arrived', async () => {
    gateway.state = undefined;
    gateway.tools = undefined;
    const started = await start();
    await waitFor('a connection', () => gateway.connections === 1);
    expect((await started.get('/healthz')).status).toBe(200);
    for (const path of ['/readyz', '/mcp']) {
      const response = await started.get(path, { method: 'POST', body: '{}' });
      expect(response.status).toBe(503);
      expect(await response.json()).toMatchObject({ code: 'NotReady' });
    }
    gateway.setTools(1, tools);
    await waitFor('the tools', () => started.lines().some(({ message }) => message === 'tools in use'));
    expect((await started.get('/readyz')).status).toBe(503);
    await gateway.setEnv(state(1, 'one'));
    await started.ready();
    expect(await mode()).toBe('one');
  });

  it('asks with the token of the moment, for the values and tools of its server', async () => {
    const started = await start();
    await started.ready();
    await writeFile(join(gateway.identityDir, 'token'), 'token-2');
    gateway.disconnect(closeReconnect);
    await waitFor('a second connection', () => gateway.upgrades.length === 2);
    const url = '/v1/namespaces/team/servers/github-tools/env?tools=1';
    expect(gateway.upgrades).toEqual([
      { url, authorization: 'Bearer token-1' },
      { url, authorization: 'Bearer token-2' },
    ]);
    expect(started.lines()).toContainEqual(expect.objectContaining({ code: closeReconnect, waitMs: 0 }));
  });

  it('keeps the last values while the gateway is away, and gets the new ones when it is back', async () => {
    const started = await start();
    await started.ready();
    await gateway.leave();
    await waitFor('a refused connection', () =>
      started.lines().some(({ problem }) => problem === 'ECONNREFUSED'),
    );
    expect(await mode()).toBe('one');
    expect((await started.get('/readyz')).ok).toBe(true);
    gateway.state = state(2, 'two');
    await gateway.listen();
    await waitFor('the second revision', () => gateway.acks.includes(2));
    expect(await mode()).toBe('two');
  });

  it('keeps the last values when its right is gone', async () => {
    const started = await start();
    await started.ready();
    gateway.disconnect(closeRevoked);
    await waitFor('the end of the stream', () => started.lines().some(({ code }) => code === closeRevoked));
    expect(await mode()).toBe('one');
  });

  it('notices a stream that went silent', async () => {
    gateway.idleSeconds = 1;
    const started = await start();
    await started.ready();
    gateway.stall();
    gateway.state = state(2, 'two');
    await waitFor('the second revision', () => gateway.acks.includes(2));
    expect(gateway.upgrades).toHaveLength(2);
    expect(await mode()).toBe('two');
  });

  it('keeps a quiet stream open as long as pings are answered', async () => {
    gateway.idleSeconds = 1;
    const started = await start();
    await started.ready();
    const client = await started.client('modern');
    // Six calls of half a second: three times the idle time.
    for (let i = 0; i < 6; i += 1) await call(client, 'slow');
    expect(gateway.upgrades).toHaveLength(1);
  });

  it('does not go back to the values of a replica that lags behind', async () => {
    gateway.state = state(7, 'new');
    const started = await start();
    await started.ready();
    gateway.state = state(6, 'stale');
    gateway.disconnect(closeReconnect);
    await waitFor('a second connection', () => gateway.upgrades.length === 2);
    gateway.setTools(2, tools);
    await waitFor('the second generation', () => started.lines().some(({ generation }) => generation === 2));
    expect(await mode()).toBe('new');
    expect(gateway.acks).not.toContain(6);
  });

  it('refuses a gateway that the authority did not sign', async () => {
    const other = await TestGateway.start();
    try {
      other.state = state(1, 'forged');
      runner = new RunnerProcess(gateway, { MCPCORE_URL: other.url });
      const started = runner;
      await waitFor('a refused certificate', () =>
        started.lines().some(({ problem }) => /CERT|SIGNATURE|ISSUER/.test(String(problem))),
      );
      expect(other.upgrades).toEqual([]);
    } finally {
      await other.close();
    }
  });

  it('serves new tools at once and tells clients that listen', async () => {
    const started = await start();
    await started.ready();
    const changed = Promise.withResolvers<string[]>();
    await started.client('modern', {
      listChanged: {
        tools: {
          onChanged: (error, list) =>
            error ? changed.reject(error) : changed.resolve((list ?? []).map(({ name }) => name)),
        },
      },
    });
    gateway.setTools(2, [{ name: 'later', code: 'return 1' }]);
    expect(await changed.promise).toEqual(['later']);
  });

  it('finishes calls in flight on SIGTERM, then ends', async () => {
    const started = await start();
    await started.ready();
    const client = await started.client('modern');
    const begun = Promise.withResolvers<void>();
    const running = client.callTool({ name: 'slow', arguments: {} }, { onprogress: () => begun.resolve() });
    await begun.promise;
    const ended = once(started.child, 'exit');
    started.child.kill('SIGTERM');
    expect(textOf((await running) as never)).toBe('finished');
    expect(await ended).toEqual([0, null]);
  });
});
