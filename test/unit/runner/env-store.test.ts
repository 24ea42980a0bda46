import { describe, expect, it } from 'vitest';
import { EnvStore } from '../../../src/runner/env/store.ts';

function recording(): { steps: string[]; store: EnvStore } {
  const steps: string[] = [];
  const store: EnvStore = new EnvStore({
    redactor: {
      setValues: (values) => steps.push(`redactor ${values['A']}, env ${store.current?.values['A']}`),
    },
    ack: (revision) => steps.push(`ack ${revision}, env ${store.current?.values['A']}`),
  });
  return { steps, store };
}

describe('EnvStore', () => {
  it('teaches the redactor, then swaps, then acknowledges', () => {
    const { steps, store } = recording();
    store.apply({ revision: 1, values: { A: 'one' }, unredacted: [] });
    store.apply({ revision: 2, values: { A: 'two' }, unredacted: [] });
    expect(steps).toEqual([
      'redactor one, env undefined',
      'ack 1, env one',
      'redactor two, env one',
      'ack 2, env two',
    ]);
  });

  it('leaves a state that somebody holds as it was', () => {
    const { store } = recording();
    store.apply({ revision: 1, values: { A: 'one' }, unredacted: ['A'] });
    const held = store.current;
    store.apply({ revision: 2, values: {}, unredacted: [] });
    expect(held).toEqual({ revision: 1, values: { A: 'one' }, unredacted: ['A'] });
    expect(Object.isFrozen(held?.values)).toBe(true);
    expect(store.current?.values).toEqual({});
  });

  it('keeps keys that assignment would lose', () => {
    const { store } = recording();
    store.apply({
      revision: 1,
      values: JSON.parse('{"__proto__":"p"}') as Record<string, string>,
      unredacted: [],
    });
    expect(Object.entries(store.current?.values ?? {})).toEqual([['__proto__', 'p']]);
  });

  it('neither swaps nor acknowledges when the redactor cannot learn the values', () => {
    let failing = false;
    const acks: number[] = [];
    const store = new EnvStore({
      redactor: {
        setValues: () => {
          if (failing) throw new Error('no');
        },
      },
      ack: (revision) => acks.push(revision),
    });
    store.apply({ revision: 1, values: { A: 'one' }, unredacted: [] });
    failing = true;
    expect(() => store.apply({ revision: 2, values: { A: 'two' }, unredacted: [] })).toThrow('no');
    expect(store.current?.values['A']).toBe('one');
    expect(acks).toEqual([1]);
  });
});
