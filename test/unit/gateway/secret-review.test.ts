/** What admission makes of an McpSecret: sealed, kept or refused, and never repeated in the clear. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { McpSecret } from '../../../src/api/generated/types.ts';
import { maxEnvironmentBytes, maxValueBytes } from '../../../src/api/names.ts';
import { seal, unseal } from '../../../src/crypto/seal.ts';
import { Keyring } from '../../../src/crypto/keyring.ts';
import { Secret } from '../../../src/crypto/secret.ts';
import { allow, deny, type Decision } from '../../../src/gateway/admission/review.ts';
import { reviewSecret } from '../../../src/gateway/admission/secret.ts';
import { lastApplied } from '../../../src/gateway/admission/scrub.ts';
import { namespace, patched, request, secret } from './given.ts';

let keyring: Keyring;
let others: McpSecret[] = [];
let unchanged = 0;

beforeAll(async () => {
  keyring = await Keyring.generate({ suite: 'x25519', now: new Date(0) });
});

function review(object: McpSecret, old?: McpSecret): Promise<Decision> {
  const deps = {
    keyring: () => keyring,
    secretsOf: () => others,
    onUnchanged: (count: number) => {
      unchanged += count;
    },
  };
  return reviewSecret(request(object, old), deps);
}

async function stored(object: McpSecret, old?: McpSecret): Promise<McpSecret> {
  return patched(object, (await review(object, old)).patch);
}

async function open(object: McpSecret, key: string): Promise<string> {
  const scope = { namespace, server: object.spec.server, key };
  return (await unseal(object.spec.values?.[key] ?? '', scope, (id) => keyring.findSealing(id))).reveal();
}

describe('a plain value', () => {
  it.each([
    ['KEY', 'a value'],
    ['a/b~c', 'escaped in the pointer'],
    ['__proto__', 'an ordinary key'],
    ['ключ é', 'línea 1\nlínea 2'],
    ['EMPTY', ''],
    ['BIG', 'x'.repeat(maxValueBytes)],
  ])('%s is sealed for its namespace, server and key', async (key, value) => {
    const object = secret(JSON.parse(`{${JSON.stringify(key)}: ${JSON.stringify(value)}}`));
    const result = await stored(object);
    expect(Object.keys(result.spec.values ?? {})).toEqual([key]);
    expect(await open(result, key)).toBe(value);
  });

  it('is followed by one warning, however many there are', async () => {
    const { warnings } = await review(secret({ A: 'one', B: 'two' }));
    expect(warnings).toHaveLength(1);
    expect(warnings?.[0]?.length).toBeLessThanOrEqual(256);
  });

  it('does not occur in the patch, whatever it is and wherever else it stands', async () => {
    const word = fc.string({ minLength: 8, maxLength: 60, unit: 'binary' });
    await fc.assert(
      fc.asyncProperty(word, fc.string(), fc.string(), async (value, before, after) => {
        fc.pre(!value.startsWith('mcps1.') && value.isWellFormed());
        const applied = JSON.stringify(
          secret({ KEY: value }, { metadata: { annotations: { note: value } } }),
        );
        const annotations = {
          [lastApplied]: applied,
          note: `${before}${value}${after}`,
          json: JSON.stringify({ deep: JSON.stringify({ value }) }),
          base64: Buffer.from(value).toString('base64'),
          base64url: Buffer.from(value).toString('base64url'),
        };
        const result = await stored(secret({ KEY: value }, { metadata: { annotations } }));
        const kept = result.metadata.annotations ?? {};
        expect(kept['note']).not.toContain(value);
        expect(kept['json']).not.toContain(JSON.stringify(value).slice(1, -1));
        expect(kept['base64']).not.toContain(annotations.base64.replace(/=+$/, ''));
        expect(kept['base64url']).not.toContain(annotations.base64url);
        const parsed = JSON.parse(kept[lastApplied] ?? '') as McpSecret;
        expect(parsed.spec.values).toEqual({ KEY: '(sealed)' });
        expect(parsed.metadata.annotations?.['note']).not.toContain(value);
        expect(await open(result, 'KEY')).toBe(value);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a second write', () => {
  it('keeps the stored text of an equal value, byte for byte, and warns of nothing', async () => {
    const first = await stored(secret({ A: 'same', B: 'old' }));
    unchanged = 0;
    const again = secret({ A: 'same', B: 'new' });
    const second = await stored(again, first);
    expect(second.spec.values?.['A']).toBe(first.spec.values?.['A']);
    expect(second.spec.values?.['B']).not.toBe(first.spec.values?.['B']);
    expect(await open(second, 'B')).toBe('new');
    expect(unchanged).toBe(1);
    const { warnings } = await review(secret({ A: 'same', B: 'old' }), first);
    expect(warnings).toEqual([]);
  });

  it('of sealed texts needs no patch', async () => {
    const first = await stored(secret({ A: 'same' }));
    expect(await review(first, first)).toEqual({ patch: [], warnings: [] });
  });

  it('never takes a ciphertext over to another server', async () => {
    const first = await stored(secret({ A: 'same' }, { server: 'tools' }));
    const moved = await stored(secret({ A: 'same' }, { server: 'others' }), first);
    expect(moved.spec.values?.['A']).not.toBe(first.spec.values?.['A']);
    expect(await open(moved, 'A')).toBe('same');
  });

  it('replaces what cannot be opened any more', async () => {
    const foreign = await Keyring.generate({ suite: 'x25519', now: new Date(0) });
    const scope = { namespace, server: 'tools', key: 'A' };
    const lost = await seal(Secret.fromText('same'), scope, foreign.activeSealing());
    const second = await stored(secret({ A: 'same' }), secret({ A: lost }));
    expect(await open(second, 'A')).toBe('same');
  });
});

describe('refused', () => {
  const canary = 'canary-4711';
  it.each([
    ['a number', { PORT: 471_147_114_711 }, /spec\.values\[PORT\].*number.*quotes/],
    ['a boolean', { ON: true }, /spec\.values\[ON\].*boolean.*quotes/],
    ['null', { NONE: null }, /spec\.values\[NONE\].*null.*quotes/],
    ['an object', { DEEP: { canary } }, /spec\.values\[DEEP\].*object.*quotes/],
    ['a list', { LIST: [canary] }, /spec\.values\[LIST\].*list.*quotes/],
    ['an empty key', { '': canary }, /spec\.values\[""\]/],
    ['a key with NUL', { 'a\0b': canary }, /NUL/],
    ['a long key', { [canary.repeat(30)]: 'x' }, /253 bytes/],
    ['a big value', { BIG: canary.repeat(6000) }, /66000 bytes.*65536/],
    ['half a surrogate pair', { HALF: `${canary}\ud800` }, /UTF-8/],
    ['what only looks sealed', { FAKE: `mcps1.${canary}` }, /kubectl mcp seal/],
  ])('%s, without being repeated', async (_, values, message) => {
    const answer = deny(
      request(secret(values)),
      await review(secret(values)).catch((error: unknown) => error),
    );
    expect(answer.status?.code).toBe(422);
    expect(answer.status?.message).toMatch(message);
    expect(answer.status?.details.causes[0]?.message).toBeTruthy();
    expect(JSON.stringify(answer)).not.toMatch(/canary|47114711/);
  });

  it('a key that another McpSecret of the server sets, unless it was there before', async () => {
    others = [secret({ TAKEN: 'mcps1.x' }, { name: 'first' })];
    await expect(review(secret({ TAKEN: 'mine' }))).rejects.toMatchObject({
      code: 'KeyConflict',
      status: 409,
    });
    const before = await stored(secret({ OTHER: 'mine' }));
    const both = {
      ...before,
      spec: { ...before.spec, values: { TAKEN: before.spec.values?.['OTHER'] ?? '' } },
    };
    await expect(review(both, both)).resolves.toBeDefined();
    const elsewhere = secret({ TAKEN: before.spec.values?.['OTHER'] ?? '' }, { server: 'others' });
    await expect(review(secret({ TAKEN: 'mine' }), elsewhere)).rejects.toMatchObject({ code: 'KeyConflict' });
    others = [secret({ TAKEN: 'mcps1.x' }, { name: 'a-secret' })];
    await expect(review(secret({ TAKEN: 'mine' }))).resolves.toBeDefined();
    others = [
      secret({ TAKEN: 'x' }, { name: 'first', metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }),
    ];
    await expect(review(secret({ TAKEN: 'mine' }))).resolves.toBeDefined();
    others = [];
  });

  it('more than a server may hold, counted over all of its McpSecrets', async () => {
    const value = 'x'.repeat(60_000);
    const keys = Array.from({ length: 7 }, (_, index) => [`K${index}`, value] as const);
    others = [await stored(secret(Object.fromEntries(keys), { name: 'first' }))];
    const fits = maxEnvironmentBytes - 7 * 60_002;
    const mine = (length: number): McpSecret =>
      secret({ A: 'x'.repeat(60_000), B: 'x'.repeat(60_000), C: 'x'.repeat(60_000), D: 'x'.repeat(length) });
    await expect(review(mine(fits - 3 * 60_001 - 1))).resolves.toBeDefined();
    await expect(review(mine(fits - 3 * 60_001))).rejects.toMatchObject({ code: 'EnvironmentTooLarge' });
    others = [];
  });

  it('a label that holds a value, without repeating it', async () => {
    const object = secret({ TOKEN: canary }, { metadata: { labels: { team: `x-${canary}` } } });
    const error: unknown = await review(object).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'PlaintextInLabel' });
    expect(String(error)).not.toContain(canary);
    const named = secret({ TOKEN: canary }, { metadata: { labels: { [canary]: 'x' } } });
    expect(String(await review(named).catch((caught: unknown) => caught))).not.toContain(canary);
  });

  it('a last-applied annotation that is not JSON, without repeating it', async () => {
    const object = secret({ TOKEN: 'short' }, { metadata: { annotations: { [lastApplied]: `{${canary}` } } });
    const error: unknown = await review(object).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'InvalidObject' });
    expect(String(error)).not.toContain(canary);
  });

  it('by an unforeseen error in one uniform sentence', () => {
    const { status } = deny(request(secret({})), new TypeError(`Cannot read ${canary}`));
    expect(status?.code).toBe(500);
    expect(JSON.stringify(status)).not.toContain(canary);
  });
});

describe('metadata', () => {
  it('keeps a last-applied annotation that holds placeholders already, byte for byte', async () => {
    const text = `{"spec": {"values": {"A": "(sealed)"}}}  \n`;
    const object = secret({ A: 'a value' }, { metadata: { annotations: { [lastApplied]: text } } });
    expect((await stored(object)).metadata.annotations?.[lastApplied]).toBe(text);
  });

  it('shortens sealed texts in last-applied too, and keeps every key', async () => {
    const applied = JSON.stringify({
      spec: { values: { A: `mcps1.${'x'.repeat(5000)}`, __proto__x: 1, B: 2 } },
    });
    const object = secret({ A: 'a value' }, { metadata: { annotations: { [lastApplied]: applied } } });
    const text = (await stored(object)).metadata.annotations?.[lastApplied] ?? '';
    expect(JSON.parse(text)).toEqual({
      spec: { values: { A: '(sealed)', __proto__x: '(sealed)', B: '(sealed)' } },
    });
  });

  it('finds a value behind the escapes that kubectl writes', async () => {
    const value = 'a<b>&c"d\u2028e';
    const go = String.raw`{"note":"a\u003cb\u003e\u0026c\"d\u2028e"}`;
    const object = secret({ A: value }, { metadata: { annotations: { go } } });
    expect((await stored(object)).metadata.annotations?.['go']).toBe('{"note":"(sealed)"}');
  });

  it('finds the longer of two values where one is part of the other', async () => {
    const object = secret(
      { A: 'password', B: 'my-password-2' },
      { metadata: { annotations: { note: 'my-password-2' } } },
    );
    expect((await stored(object)).metadata.annotations?.['note']).toBe('(sealed)');
  });

  it('leaves values alone that may show, and short ones, which other text holds by chance', async () => {
    const metadata = {
      annotations: { note: 'database.example and abc' },
      labels: { host: 'database.example' },
    };
    const object = secret({ HOST: 'database.example', PIN: 'abc' }, { metadata, unredacted: ['HOST'] });
    expect((await stored(object)).metadata).toEqual(object.metadata);
  });

  it('warns of a name in unredacted that no value has', async () => {
    const { warnings } = await review(await stored(secret({ A: 'x' }, { unredacted: ['A', 'B'] })));
    expect(warnings).toEqual([expect.stringContaining('"B"')]);
  });

  it('leaves a malformed list of unredacted to the schema', async () => {
    const object = secret({ A: 'x' }, { unredacted: 7 as unknown as string[] });
    await expect(review(object)).resolves.toBeDefined();
  });
});

it('answers with the uid, and with ciphertext alone in the patch', async () => {
  const answer = allow('a-uid', await review(secret({ A: 'a long plain value' })));
  expect(answer).toMatchObject({ uid: 'a-uid', allowed: true, patchType: 'JSONPatch' });
  const patch = Buffer.from(answer.patch ?? '', 'base64').toString();
  expect(patch).toMatch(/"value":"mcps1\./);
  expect(patch).not.toMatch(/plain value|"op":"test"/);
});
