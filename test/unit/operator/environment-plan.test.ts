/** What an environment is to hold: the older McpSecret wins, and what has not changed is not written again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { McpEnvironment, McpSecret } from '../../../src/api/generated/types.ts';
import {
  nextSpec,
  planEnvironment,
  sourceDigest,
  type EnvironmentValue,
} from '../../../src/operator/environment-plan.ts';

type Metadata = Partial<McpSecret['metadata']>;

const now = new Date('2030-01-02T03:04:05.000Z');
const awkward = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'API_KEY'];

function secret(
  name: string,
  values: Iterable<[string, string]>,
  metadata: Metadata = {},
  unredacted: string[] = [],
): McpSecret {
  return {
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpSecret',
    metadata: { name, namespace: 'team-a', creationTimestamp: '2029-01-01T00:00:00Z', ...metadata },
    spec: { server: 'tools', values: Object.fromEntries(values), unredacted },
  };
}

function value(sealed: string, from: string): EnvironmentValue {
  return { record: `mcpe1.of.${sealed}`, revision: 3, source: sourceDigest(sealed), secret: from };
}

function environment(values: Iterable<[string, EnvironmentValue]>, unredacted?: string[]): McpEnvironment {
  return {
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpEnvironment',
    metadata: { name: 'tools', namespace: 'team-a' },
    spec: { revision: 3, values: Object.fromEntries(values), ...(unredacted && { unredacted }) },
  };
}

const from = (secrets: McpSecret[]) =>
  planEnvironment(secrets, undefined).keys.map(({ key, secret, sealed }) => [key, secret, sealed]);

describe('of two McpSecrets with one key', () => {
  const younger = secret('a', [['K', 'young']], { creationTimestamp: '2029-06-01T00:00:00Z' }, ['K']);
  const older = secret('b', [['K', 'old']], { creationTimestamp: '2029-05-31T00:00:00Z' });

  it('the older wins, the other is told of', () => {
    const { keys, conflicts, unredacted } = planEnvironment([younger, older], undefined);
    expect(keys).toMatchObject([{ key: 'K', secret: 'b', sealed: 'old', unchanged: false }]);
    expect(conflicts).toEqual([{ key: 'K', secret: 'a', winner: 'b' }]);
    // The loser's word that the value may show in logs does not count for the winner's value.
    expect(unredacted).toEqual([]);
  });

  it('the first by name wins when they are of one age', () => {
    const [a, b] = [secret('a', [['K', 'of a']]), secret('b', [['K', 'of b']])];
    expect(from([b, a])).toEqual([['K', 'a', 'of a']]);
  });

  it('the one that is being deleted gives way', () => {
    const leaving = { ...older, metadata: { ...older.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' } };
    const { keys, conflicts, unredacted } = planEnvironment([leaving, younger], undefined);
    expect(keys).toMatchObject([{ key: 'K', secret: 'a' }]);
    expect([conflicts, unredacted]).toEqual([[], ['K']]);
  });

  it('the order in which they are listed has no say', () => {
    const names = fc.constantFrom(...awkward, 'A', 'B');
    const list = fc.uniqueArray(
      fc.record({
        name: fc.string({ minLength: 1 }),
        age: fc.integer({ min: 0, max: 3 }),
        values: fc.array(fc.tuple(names, fc.string())),
      }),
      { selector: ({ name }) => name, maxLength: 6 },
    );
    const both = list.chain((items) =>
      fc.tuple(fc.constant(items), fc.shuffledSubarray(items, { minLength: items.length })),
    );
    fc.assert(
      fc.property(both, ([items, shuffled]) => {
        const plan = (list: typeof items) =>
          planEnvironment(
            list.map(({ name, age, values }) =>
              secret(name, values, { creationTimestamp: `202${age}-01-01T00:00:00Z` }),
            ),
            undefined,
          );
        const { keys, conflicts } = plan(items);
        expect(plan(shuffled)).toEqual({ keys, conflicts, unredacted: [] });
        // Every key that anyone sets is held once; every other setting of it is a conflict.
        const set = items.flatMap(({ values }) => [...new Set(values.map(([key]) => key))]);
        expect(keys.map(({ key }) => key)).toEqual([...new Set(set)].toSorted());
        expect(keys.length + conflicts.length).toBe(set.length);
      }),
    );
  });
});

describe('a stored record', () => {
  const stored = value('sealed', 'a');

  it('is kept while its sealed text is the same', () => {
    const { keys } = planEnvironment([secret('a', [['K', 'sealed']])], environment([['K', stored]]));
    expect(keys).toMatchObject([{ key: 'K', unchanged: true, current: stored }]);
  });

  it('is of an older text when that was sealed anew', () => {
    const { keys } = planEnvironment([secret('a', [['K', 'again']])], environment([['K', stored]]));
    expect(keys).toMatchObject([{ unchanged: false, current: stored, source: sourceDigest('again') }]);
  });

  it('does not count when another McpSecret has taken over the key', () => {
    const { keys } = planEnvironment([secret('b', [['K', 'sealed']])], environment([['K', stored]]));
    expect(keys).toMatchObject([{ secret: 'b', unchanged: false }]);
    expect(keys[0]).not.toHaveProperty('current');
  });

  it.each(awkward)('is found under the key %s, and only when there is one', (key) => {
    const secrets = [secret('a', [[key, 'sealed']], {}, [key])];
    const kept = planEnvironment(secrets, environment([[key, stored]]));
    expect(kept.keys).toMatchObject([{ key, sealed: 'sealed', unchanged: true, current: stored }]);
    expect(kept.unredacted).toEqual([key]);
    const fresh = planEnvironment(secrets, environment([]));
    expect(fresh.keys).toMatchObject([{ key, unchanged: false }]);
    expect(fresh.keys[0]).not.toHaveProperty('current');
  });
});

describe('the next spec', () => {
  const values = new Map(awkward.map((key) => [key, value(`sealed ${key}`, 'a')]));
  const next = (current: McpEnvironment | undefined, now_: typeof values, unredacted: string[] = []) =>
    nextSpec(current, now_, unredacted, 4, now);

  it('is none when nothing changed, in whatever order keys are listed', () => {
    const turned = [...values].toReversed();
    expect(next(environment(turned), values)).toBeUndefined();
    expect(next(environment(turned, ['B', 'A']), values, ['A', 'B'])).toBeUndefined();
  });

  it('is there for a first environment, even one without keys', () => {
    expect(next(undefined, new Map())).toEqual({ revision: 4, changedAt: now.toISOString(), values: {} });
  });

  it.each(awkward)('holds every key, when %s was added, removed or written anew', (key) => {
    const without = [...values].filter(([name]) => name !== key);
    const anew = new Map(values).set(key, value('another', 'a'));
    for (const [current, wanted] of [
      [without, values],
      [values, new Map(without)],
      [values, anew],
    ] as const) {
      const spec = next(environment(current), wanted);
      expect(spec).toMatchObject({ revision: 4, changedAt: '2030-01-02T03:04:05.000Z' });
      expect(new Map(Object.entries(spec?.values ?? {}))).toEqual(wanted);
    }
  });

  it('is there when one key took the place of another', () => {
    const [a, b] = [new Map([['A', value('x', 'a')]]), new Map([['constructor', value('x', 'a')]])];
    expect(next(environment(a), b)?.values).toEqual(Object.fromEntries(b));
  });

  it('is there when only what may show in logs changed', () => {
    expect(next(environment(values), values, ['A'])?.unredacted).toEqual(['A']);
    expect(next(environment(values, ['A']), values, ['B'])?.unredacted).toEqual(['B']);
    expect(next(environment(values, ['A']), values)).not.toHaveProperty('unredacted');
    expect(next(environment(values, ['A']), values)).toBeDefined();
  });
});

describe('the digest of a sealed text', () => {
  it('is SHA-256 in base64url', () => {
    expect(sourceDigest('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0');
  });
});
