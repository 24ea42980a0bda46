import { inspect } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEnv, makeEnv } from '../../../src/runner/env/proxy.ts';

const awkward = [
  '__proto__',
  'constructor',
  'then',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'toJSON',
  '',
  'a"b',
  'ключ',
  '0',
];

function valuesOf(entries: [string, string][]): Record<string, string> {
  return Object.fromEntries(entries);
}

const key = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...awkward));

describe('createEnv', () => {
  it('gives each value by its name, whatever the name', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.string())), (entries) => {
        const values = valuesOf(entries);
        const env = createEnv(values);
        for (const [name, value] of Object.entries(values)) expect(env[name]).toBe(value);
      }),
    );
  });

  it('gives undefined for every name that is not set', () => {
    fc.assert(
      fc.property(key, (name) => {
        expect(createEnv({})[name]).toBeUndefined();
      }),
    );
    for (const name of awkward) expect(createEnv({ OTHER: 'x' })[name]).toBeUndefined();
  });

  it('shows nothing of itself', () => {
    const env = createEnv({ GITHUB_TOKEN: 'ghp_value', toJSON: 'not callable' });
    expect(Object.keys(env)).toEqual([]);
    expect(Reflect.ownKeys(env)).toEqual([]);
    expect({ ...env }).toEqual({});
    expect(Object.entries(env)).toEqual([]);
    expect(JSON.stringify({ env })).toBe('{"env":{}}');
    for (const options of [{}, { showHidden: true, showProxy: true, depth: null, getters: true }]) {
      expect(inspect(env, options)).not.toMatch(/GITHUB|ghp_/);
    }
    const seen = [];
    for (const name in env) seen.push(name);
    expect(seen).toEqual([]);
    expect(Object.getOwnPropertyDescriptor(env, 'GITHUB_TOKEN')).toBeUndefined();
    expect(Object.getPrototypeOf(env)).toBeNull();
    expect(() => structuredClone(env)).toThrow();
  });

  it('refuses every way of changing it with a TypeError', () => {
    const env = createEnv({ A: '1' }) as Record<string, string>;
    const attempts = [
      () => (env['A'] = '2'),
      () => (env['__proto__'] = 'x'),
      () => delete env['A'],
      () => Object.defineProperty(env, 'A', { value: '2' }),
      () => Object.setPrototypeOf(env, {}),
      () => Reflect.set(env, 'A', '2'),
      () => Object.assign(env, { A: '2' }),
    ];
    for (const attempt of attempts) expect(attempt).toThrow(TypeError);
    expect(env['A']).toBe('1');
  });

  it('keeps the values it was made with', () => {
    const values = { A: 'old' };
    const env = createEnv(values);
    values.A = 'new';
    expect(env['A']).toBe('old');
  });

  it('says whether a key is set only to those who know its name', () => {
    const env = createEnv({ A: '' });
    expect('A' in env).toBe(true);
    expect('B' in env).toBe(false);
  });
});

describe('makeEnv as source text', () => {
  it('builds the object inside another realm out of that realm alone', () => {
    const context = createContext({});
    const make = runInContext(`(${String(makeEnv)})`, context) as typeof makeEnv;
    const env = make((name) => (name === 'A' ? 'value' : undefined)) as Record<string, string>;
    expect(env['A']).toBe('value');
    expect(Object.keys(env)).toEqual([]);
    const thrown = runInContext(
      '(env) => { try { env.A = 1 } catch (e) { return e instanceof TypeError } }',
      context,
    );
    expect((thrown as (value: unknown) => boolean)(env)).toBe(true);
  });
});
