/** The env stream with a real client of it and tokens that a real API server issued and reviews. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { McpEnvironment } from '../../src/api/generated/types.ts';
import type { KubeObject } from '../../src/api/object-meta.ts';
import { streamAudience, streamPath, streamProtocol } from '../../src/api/stream-protocol.ts';
import { encryptRecord } from '../../src/crypto/envelope.ts';
import { Secret } from '../../src/crypto/secret.ts';
import { mcpEnvironments, mcpServers, namespaces, pods, serviceAccounts } from '../../src/kube/resources.ts';
import { EnvClient, type EnvState } from '../../src/runner/env/client.ts';
import { WebSocket } from 'ws';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { waitFor } from '../support/wait.ts';

let plane: ControlPlane;
let gateway: TestGateway;

beforeAll(async () => {
  plane = await startControlPlane({ audit: true });
  await plane.installCrds();
  gateway = await startTestGateway(plane);
  await gateway.client.create(namespaces, object('v1', 'Namespace', { name: 'team-b' }));
  for (const [namespace, server] of [
    ['default', 'tools'],
    ['default', 'others'],
    ['team-b', 'tools'],
  ] as const) {
    const metadata = { name: server, namespace };
    await gateway.client.create(mcpServers, {
      ...object('mcpcore.dev/v1alpha1', 'McpServer', metadata),
      spec: {},
    } as KubeObject);
    await gateway.client.create(
      serviceAccounts,
      object('v1', 'ServiceAccount', { name: `mcp-${server}`, namespace }),
    );
    const labels = { 'mcpcore.dev/server': server };
    await gateway.client.create(pods, {
      ...object('v1', 'Pod', { name: `${server}-0`, namespace, labels }),
      spec: { containers: [{ name: 'main', image: 'x', command: ['x'] }] },
    } as KubeObject);
    await waitFor('the cache', () => gateway.servers.get(`${namespace}/${server}`));
  }
});

afterAll(async () => {
  await gateway?.stop();
  await plane?.stop();
});

function object(apiVersion: string, kind: string, metadata: KubeObject['metadata']): KubeObject {
  return { apiVersion, kind, metadata };
}

async function token(
  server: string,
  options: { namespace?: string; audience?: string; bound?: boolean; seconds?: number } = {},
): Promise<string> {
  const { namespace = 'default', audience = streamAudience, bound = true, seconds = 3600 } = options;
  const spec = {
    audiences: [audience],
    expirationSeconds: seconds,
    ...(bound && { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: `${server}-0` } }),
  };
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/mcp-${server}/token`;
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', metadata: {}, spec };
  const answer = (await gateway.client.raw('POST', path, request)) as { status: { token: string } };
  return answer.status.token;
}

async function publish(server: string, revision: number, values: Record<string, string>): Promise<void> {
  const records: [string, object][] = [];
  for (const [key, value] of Object.entries(values)) {
    const scope = { namespace: 'default', server, key, revision };
    const record = await encryptRecord(Secret.fromText(value), scope, gateway.keyring.activeStorage());
    records.push([key, { record, revision, source: 'x', secret: 's' }]);
  }
  await gateway.client.apply(mcpEnvironments, {
    ...object('mcpcore.dev/v1alpha1', 'McpEnvironment', { name: server, namespace: 'default' }),
    // A map that loses its last key by server-side apply becomes null, which the schema refuses, so it is left out.
    spec: { revision, ...(records.length > 0 && { values: Object.fromEntries(records) }) },
  } as McpEnvironment);
}

/** The status of the answer to an upgrade; 101 when it was accepted. */
async function knock(bearer: string, path = streamPath('default', 'tools')): Promise<number> {
  const socket = new WebSocket(`${gateway.streamUrl}${path}`, streamProtocol, {
    ca: gateway.authority,
    headers: { authorization: `Bearer ${bearer}` },
  });
  const { promise, resolve } = Promise.withResolvers<number>();
  socket.on('open', () => resolve(101));
  socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
  socket.on('error', () => undefined);
  return promise.finally(() => socket.terminate());
}

describe('the env stream', () => {
  it('brings the state, each change and, after an absence of the gateway, the state again', async () => {
    await publish('tools', 1, { TOKEN: 'first' });
    const identityDir = join(plane.dir, 'identity');
    await mkdir(identityDir);
    await writeFile(join(identityDir, 'ca.crt'), gateway.authority);
    await writeFile(join(identityDir, 'token'), await token('tools'));
    const client = new EnvClient({
      url: gateway.streamUrl,
      namespace: 'default',
      server: 'tools',
      identityDir,
      wantTools: true,
      log: { info: () => undefined, warn: () => undefined },
    });
    const states: EnvState[] = [];
    let tools = 0;
    client.on('env', (state: EnvState) => {
      states.push(state);
      client.ack(state.revision);
    });
    client.on('tools', () => {
      tools += 1;
    });
    const stop = new AbortController();
    client.start(stop.signal);
    const acknowledged = (revision: number) => () =>
      gateway.consumers.of('default/tools').some((pod) => pod.pod === 'tools-0' && pod.revision === revision);
    try {
      await waitFor('the first revision', acknowledged(1));
      await publish('tools', 2, { TOKEN: 'second', MORE: 'x' });
      await waitFor('the second revision', acknowledged(2));
      expect(states.at(-1)?.values).toEqual({ TOKEN: 'second', MORE: 'x' });
      expect(tools).toBe(1);
      await plane.killApiServer();
      await plane.startApiServer();
      // A new API server refuses to apply kinds whose schemas it has not read yet.
      await waitFor('a write to be accepted', () =>
        publish('tools', 3, {}).then(
          () => true,
          () => false,
        ),
      );
      await waitFor('the third revision', acknowledged(3));
      expect(states.at(-1)?.values).toEqual({});
    } finally {
      stop.abort();
    }
    await waitFor('the departure', () => gateway.consumers.of('default/tools').length === 0);
  });

  it('is open to pods of the server alone', async () => {
    expect(await knock(await token('tools'))).toBe(101);
    expect(await knock('no token')).toBe(401);
    const forged = (await token('tools')).replace(/\.[^.]*$/, '.AAAA');
    expect(await knock(forged)).toBe(401);
    const foreign = await token('tools', { audience: 'https://kubernetes.default.svc' });
    expect(await knock(foreign)).toBe(401);
    const unbound = await token('tools', { bound: false });
    expect(await knock(unbound)).toBe(403);
    expect(await knock(await token('others'))).toBe(403);
    expect(await knock(await token('tools', { namespace: 'team-b' }))).toBe(403);
    expect(await knock(await token('tools'), streamPath('default', 'none'))).toBe(403);
    expect(await knock(await token('tools'), '/')).toBe(404);
    for (const bearer of [forged, foreign, unbound]) expect(gateway.log()).not.toContain(bearer);
    expect(gateway.log()).toContain('system:serviceaccount:team-b:mcp-tools');
  });

  it('is closed to a pod that is gone, whose token has not yet ended', async () => {
    const bearer = await token('others');
    const path = streamPath('default', 'others');
    expect(await knock(bearer, path)).toBe(101);
    await plane.kubectl(['delete', 'pod', 'others-0', '--force', '--grace-period=0']);
    await waitFor('the refusal', async () => (await knock(bearer, path)) === 401);
  });
});
