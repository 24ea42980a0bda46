/** The operator against a real API server: sealing on every way in, storage, conditions, and the env stream. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { McpEnvironment, McpSecret } from '../../src/api/generated/types.ts';
import type { KubeObject } from '../../src/api/object-meta.ts';
import {
  parseServerMessage,
  streamAudience,
  streamPath,
  streamProtocol,
  type EnvMessage,
} from '../../src/api/stream-protocol.ts';
import { mcpEnvironments, mcpSecrets, pods } from '../../src/kube/resources.ts';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { placesOf } from '../support/canary.ts';
import { startOperator, type TestOperator } from '../support/operator.ts';
import { waitFor } from '../support/wait.ts';

const namespace = 'default';
let plane: ControlPlane;
let operator: TestOperator;

beforeAll(async () => {
  plane = await startControlPlane({ audit: true });
  await plane.installCrds();
  operator = await startOperator(plane);
  await plane.kubectl(['apply', '-f', '-'], serverManifest('tools'));
  await plane.kubectl(['apply', '-f', '-'], serverManifest('others'));
});

afterAll(async () => {
  await operator?.stop();
  await plane?.stop();
});

function serverManifest(name: string): string {
  return JSON.stringify({
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpServer',
    metadata: { name, namespace },
    spec: {},
  });
}

function manifest(name: string, values: Record<string, unknown>, server = 'tools'): string {
  return JSON.stringify({
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpSecret',
    metadata: { name, namespace },
    spec: { server, values },
  });
}

const kubectl = (args: readonly string[], input?: string) => plane.kubectl(args, input);
const applyFile = (text: string, ...flags: string[]) => kubectl(['apply', ...flags, '-f', '-'], text);
const secret = (name: string) => operator.client.get<McpSecret>(mcpSecrets, name, namespace);

async function environment(name: string, key: string): Promise<McpEnvironment> {
  return waitFor(`key ${key} in the environment of ${name}`, async () => {
    const found = await operator.client.get<McpEnvironment>(mcpEnvironments, name, namespace);
    return found && Object.hasOwn(found.spec.values ?? {}, key) ? found : undefined;
  });
}

async function expectNowhere(canary: string): Promise<void> {
  const kinds = ['mcpsecrets', 'mcpenvironments', 'mcpservers', 'events'];
  expect(await placesOf(canary, plane, kinds, { 'log of the operator': await operator.log() })).toEqual([]);
}

/** Patches from a file, so that the value is on no command line. */
async function patchFrom(name: string, type: string, patch: unknown): Promise<string> {
  const file = join(plane.dir, `${name}.json`);
  await writeFile(file, JSON.stringify(patch));
  return kubectl(['patch', 'mcpsec', name, `--type=${type}`, `--patch-file=${file}`]);
}

/** The ways in, each writing `canary` under TOKEN of McpSecret `name`. */
const waysIn: Record<string, (name: string, canary: string) => Promise<string>> = {
  'apply (client-side)': (name, canary) => applyFile(manifest(name, { TOKEN: canary })),
  'apply --server-side': (name, canary) => applyFile(manifest(name, { TOKEN: canary }), '--server-side'),
  create: (name, canary) => kubectl(['create', '-f', '-'], manifest(name, { TOKEN: canary })),
  replace: async (name, canary) => {
    await kubectl(['create', '-f', '-'], manifest(name, {}));
    return kubectl(['replace', '-f', '-'], manifest(name, { TOKEN: canary }));
  },
  'merge patch': async (name, canary) => {
    await kubectl(['create', '-f', '-'], manifest(name, {}));
    return patchFrom(name, 'merge', { spec: { values: { TOKEN: canary } } });
  },
  'JSON patch': async (name, canary) => {
    await kubectl(['create', '-f', '-'], manifest(name, { OTHER: 'x' }));
    return patchFrom(name, 'json', [{ op: 'add', path: '/spec/values/TOKEN', value: canary }]);
  },
  'dry run': (name, canary) => applyFile(manifest(name, { TOKEN: canary }), '--dry-run=server'),
  'a write that fails validation': async (name, canary) => {
    const invalid = manifest(name, { TOKEN: canary }).replace('"spec":{', '"spec":{"unredacted":"no list",');
    return applyFile(invalid, '--validate=false').catch((error: unknown) => String(error));
  },
};

describe.each(Object.entries(waysIn))('%s', (way, write) => {
  const name = `way-${Object.keys(waysIn).indexOf(way)}`;
  const canary = `canary/${name}+${'q7'.repeat(8)}=é`;

  it('seals the value before it is stored anywhere', async () => {
    await kubectl(['apply', '-f', '-'], serverManifest(name));
    const answer = await write(name, canary).finally(() => undefined);
    expect(answer).not.toContain(canary);
    const stored = await secret(name);
    if (stored?.spec.values?.['TOKEN']) expect(stored.spec.values['TOKEN']).toMatch(/^mcps1\./);
    await expectNowhere(canary);
    await kubectl(['delete', 'mcpsec', name, '--ignore-not-found']);
  });
});

describe('applying again', () => {
  it.each(['--server-side=false', '--server-side'])('changes nothing (%s)', async (flag) => {
    const name = flag === '--server-side' ? 'again-ssa' : 'again-csa';
    const key = name.toUpperCase();
    await kubectl(['apply', '-f', '-'], serverManifest(name));
    const file = manifest(name, { [key]: 'one value', [`${key}_2`]: 'two' }, name);
    await applyFile(file, flag);
    const env = await environment(name, key);
    const before = await waitFor('its status', async () => {
      const found = await secret(name);
      return found?.status?.revision === env.spec.revision ? found : undefined;
    });
    // The operator may still be writing the status of the first apply; a write by the second would recur each time.
    await waitFor('an apply that changes nothing', async () => {
      const versions = async () => [
        (await secret(name))?.metadata.resourceVersion,
        (await environment(name, key)).metadata.resourceVersion,
      ];
      const known = await versions();
      await applyFile(file, flag);
      return (await versions()).every((version, index) => version === known[index]);
    });
    expect((await secret(name))?.spec).toEqual(before.spec);
    expect((await environment(name, key)).spec.revision).toBe(env.spec.revision);

    await applyFile(manifest(name, { [key]: 'one value' }, name), flag);
    expect(Object.keys((await secret(name))?.spec.values ?? {})).toEqual([key]);
    await waitFor('the key to leave the environment', async () => {
      const found = await operator.client.get<McpEnvironment>(mcpEnvironments, name, namespace);
      return !Object.hasOwn(found?.spec.values ?? {}, `${key}_2`);
    });
  });

  it('lets two managers own a key each, and reports a conflict on the same key as Kubernetes does', async () => {
    const a = ['--server-side', '--field-manager=a'];
    const b = ['--server-side', '--field-manager=b'];
    await applyFile(manifest('shared', { A_KEY: 'of a' }), ...a);
    await applyFile(manifest('shared', { B_KEY: 'of b' }), ...b);
    const stored = await secret('shared');
    await applyFile(manifest('shared', { A_KEY: 'of a' }), ...a);
    expect((await secret('shared'))?.spec).toEqual(stored?.spec);
    expect(Object.keys(stored?.spec.values ?? {}).toSorted()).toEqual(['A_KEY', 'B_KEY']);
    await expect(applyFile(manifest('shared', { A_KEY: 'stolen' }), ...b)).rejects.toThrow(
      /conflict with "a"/,
    );
  });
});

describe('bad input', () => {
  it.each([
    ['a number', 5432],
    ['a boolean', true],
    ['a list', ['x']],
  ])('%s is told to be quoted, in a message that does not echo it', async (_, value) => {
    for (const flags of [[], ['--server-side']]) {
      const failure = await applyFile(manifest('number', { PORT: value }), ...flags).catch(String);
      expect(failure).toMatch(/quotes|string/);
      expect(failure).not.toContain('5432');
    }
  });

  it('a text that only looks sealed is refused with the way out', async () => {
    await expect(applyFile(manifest('looks', { TOKEN: 'mcps1.nonsense' }))).rejects.toThrow(
      'kubectl mcp seal',
    );
  });

  it('a key that another McpSecret of the server sets is refused', async () => {
    await applyFile(manifest('first', { TAKEN: 'a' }));
    await waitFor('the operator to know it', async () => (await secret('first'))?.status);
    await expect(applyFile(manifest('second', { TAKEN: 'b' }))).rejects.toThrow(
      'McpSecret first already sets',
    );
  });

  it('without the webhook, the API server itself refuses plain values and does not echo them', async () => {
    await operator.removeWebhooks();
    const canary = 'canary-without-webhook-zzzz';
    const failure = await waitFor('the refusal', () =>
      applyFile(manifest('bare', { TOKEN: canary })).then(() => undefined, String),
    );
    expect(failure).toContain('plain values are refused');
    expect(failure).not.toContain(canary);
    await expectNowhere(canary);
    await operator.installWebhooks();
    await applyFile(manifest('bare', { BARE: 'fine again' }));
  });
});

describe('a ciphertext out of place', () => {
  it('is refused with the reason in a condition, and nothing else stops working', async () => {
    await applyFile(manifest('origin', { ORIGINAL: 'value' }));
    const sealed = (await secret('origin'))?.spec.values?.['ORIGINAL'] ?? '';
    await applyFile(manifest('copied', { COPIED: sealed, FINE: 'fine' }));
    await environment('tools', 'FINE');
    const reason = (name: string, key: string) =>
      waitFor(`a reason for ${key}`, async () => {
        const { conditions = [], values = [] } = (await secret(name))?.status ?? {};
        const resolved = conditions.find(({ type }) => type === 'ResolvedRefs');
        return resolved?.status === 'False' ? values.find((value) => value.key === key)?.reason : undefined;
      });
    expect(await reason('copied', 'COPIED')).toBe('ScopeMismatch');
    await applyFile(manifest('elsewhere', { ORIGINAL: sealed }, 'others'));
    expect(await reason('elsewhere', 'ORIGINAL')).toBe('ScopeMismatch');
    const foreign = (text: string) => text.replace(`"namespace":"${namespace}"`, '"namespace":"elsewhere"');
    await kubectl(['create', 'namespace', 'elsewhere']);
    await applyFile(foreign(serverManifest('tools')));
    await applyFile(foreign(manifest('origin', { ORIGINAL: sealed })));
    await waitFor('the reason in the other namespace', async () => {
      const copy = await operator.client.get<McpSecret>(mcpSecrets, 'origin', 'elsewhere');
      return copy?.status?.values?.[0]?.reason === 'ScopeMismatch';
    });
    const middle = Math.floor(sealed.length / 2);
    const flipped = sealed.slice(0, middle) + (sealed[middle] === 'A' ? 'B' : 'A') + sealed.slice(middle + 1);
    await applyFile(manifest('flipped', { FLIPPED: flipped }));
    expect(await reason('flipped', 'FLIPPED')).toBe('Corrupt');
  });
});

describe('the env stream', () => {
  async function token(server: string, audience = streamAudience): Promise<string> {
    const name = `pod-of-${server}`;
    await waitFor('its ServiceAccount', () =>
      kubectl(['get', 'serviceaccount', `mcp-${server}`]).then(Boolean, () => false),
    );
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels: { 'mcpcore.dev/server': server } },
      spec: { containers: [{ name: 'main', image: 'none', command: ['none'] }] },
    } as KubeObject;
    if (!(await operator.client.get(pods, name, namespace))) await operator.client.create(pods, pod);
    const bound = ['--bound-object-kind=Pod', `--bound-object-name=${name}`, `--audience=${audience}`];
    return (await kubectl(['create', 'token', `mcp-${server}`, ...bound])).trim();
  }

  async function open(server: string, bearer: string): Promise<WebSocket> {
    return new WebSocket(`${operator.streamUrl}${streamPath(namespace, server)}`, streamProtocol, {
      ca: await operator.authority(),
      headers: { authorization: `Bearer ${bearer}` },
    });
  }

  async function refusal(server: string, bearer: string): Promise<number> {
    const socket = await open(server, bearer);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
    socket.on('open', () => reject(new Error('the stream was opened')));
    socket.on('error', () => undefined);
    return promise.finally(() => socket.terminate());
  }

  it('delivers the whole environment at once, and again on every change', async () => {
    await applyFile(
      manifest('streamed', { 'my-key é': 'línea 1\nlínea 2', EMPTY: '', BIG: 'x'.repeat(65_536) }),
    );
    await environment('tools', 'BIG');
    const socket = await open('tools', await token('tools'));
    const states: EnvMessage[] = [];
    socket.on('message', (data: Buffer) => {
      const message = parseServerMessage(data.toString());
      if (message?.type === 'env') states.push(message);
    });
    const first = await waitFor('the first state', () => states.at(-1));
    expect(first.values['my-key é']).toBe('línea 1\nlínea 2');
    expect(first.values['EMPTY']).toBe('');
    expect(first.values['BIG']).toBe('x'.repeat(65_536));

    await applyFile(manifest('streamed', { 'my-key é': 'changed' }));
    const second = await waitFor('the change', () =>
      states.find(({ values }) => values['my-key é'] === 'changed'),
    );
    expect(second.values).not.toHaveProperty('BIG');
    expect(second.revision).toBeGreaterThan(first.revision);

    socket.send(JSON.stringify({ type: 'ack', revision: second.revision }));
    await waitFor(
      'the acknowledgement in the status',
      async () => (await secret('streamed'))?.status?.consumers === '1/1',
    );
    socket.terminate();
    await waitFor(
      'the departure in the status',
      async () => (await secret('streamed'))?.status?.consumers === '0/0',
    );
  });

  it('answers nobody else', async () => {
    expect(await refusal('tools', 'no-token')).toBe(401);
    expect(await refusal('tools', await token('tools', 'https://kubernetes.default.svc'))).toBe(401);
    expect(await refusal('tools', await token('others'))).toBe(403);
    expect(await refusal('nowhere', await token('others'))).toBe(403);
    const unbound = (await kubectl(['create', 'token', 'mcp-tools', `--audience=${streamAudience}`])).trim();
    expect(await refusal('tools', unbound)).toBe(403);
    expect(await operator.log()).not.toContain(unbound);
  });

  it('survives the death of the operator and of the API server', async () => {
    const bearer = await token('tools');
    await operator.restart();
    await plane.killApiServer();
    await plane.startApiServer();
    await waitFor('a write to be accepted', () =>
      applyFile(manifest('later', { LATER: 'after the crash' })).then(Boolean, () => false),
    );
    await environment('tools', 'LATER');
    const socket = await open('tools', bearer);
    const { promise, resolve } = Promise.withResolvers<string>();
    socket.on('message', (data: Buffer) => {
      const message = parseServerMessage(data.toString());
      if (message?.type === 'env' && message.values['LATER']) resolve(message.values['LATER']);
    });
    expect(await promise).toBe('after the crash');
    socket.terminate();
  });
});

describe('kubectl edit', () => {
  it('seals what the editor wrote', async () => {
    const canary = 'canary-from-the-editor-77';
    await applyFile(manifest('edited', { EDITED: 'before' }));
    const editor = join(plane.dir, 'editor.sh');
    await writeFile(editor, `#!/bin/sh\nsed -i 's/EDITED: mcps1.*/EDITED: ${canary}/' "$1"\n`, {
      mode: 0o755,
    });
    process.env['KUBE_EDITOR'] = editor;
    await kubectl(['edit', 'mcpsec', 'edited']).finally(() => delete process.env['KUBE_EDITOR']);
    expect((await secret('edited'))?.spec.values?.['EDITED']).toMatch(/^mcps1\./);
    await expectNowhere(canary);
  });
});
