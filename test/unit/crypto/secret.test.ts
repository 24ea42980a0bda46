/** A secret shows its content to `reveal` and `bytes` and to nothing else. */
import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/crypto/secret.ts';

const plain = 'hunter2-hunter2-hunter2';
const forms = [plain, Buffer.from(plain).toString('base64'), Buffer.from(plain).toString('hex')];
const secret = Secret.fromText(plain);
const all = { showHidden: true, depth: Infinity, getters: true, maxStringLength: null, maxArrayLength: null };

const printers: Record<string, (secret: Secret) => string> = {
  'String()': (secret) => String(secret),
  'a template': (secret) => `value: ${secret as unknown as string}`,
  concatenation: (secret) => 'value: ' + (secret as unknown as string),
  'a number': (secret) => String(Number(secret)),
  'toLocaleString()': (secret) => secret.toLocaleString(),
  'Object.prototype.toString': (secret) => Object.prototype.toString.call(secret),
  'JSON.stringify': (secret) => JSON.stringify({ secret }),
  'inspect of everything': (secret) => inspect(secret, all),
  'inspect without its own method': (secret) => inspect(secret, { ...all, customInspect: false }),
  'inspect inside an object': (secret) => inspect({ deep: [new Map([['secret', secret]])] }, all),
  'inspect as a proxy': (secret) => inspect(new Proxy(secret, {}), { ...all, showProxy: true }),
  '%s, %o, %O and %j': (secret) => format('%s %o %O %j', secret, secret, secret, secret),
  'an error': (secret) => inspect(new Error(`failed: ${String(secret)}`, { cause: secret }), all),
  'a copy of its properties': (secret) => inspect(Object.assign({}, secret), all),
  structuredClone: (secret) => inspect(structuredClone(secret), all),
  'v8.serialize': (secret) => serialize(secret).toString('latin1'),
  'every own key': (secret) =>
    Reflect.ownKeys(secret)
      .map((key) => inspect(Reflect.get(secret, key), all))
      .join(),
  'a for-in loop': (secret) => {
    const seen: unknown[] = [];
    for (const key in secret) seen.push((secret as unknown as Record<string, unknown>)[key]);
    return inspect(seen, all);
  },
};

describe('a secret', () => {
  it.each(Object.entries(printers))('does not show in %s', (_, print) => {
    const shown = print(secret);
    for (const form of forms) expect(shown).not.toContain(form);
  });

  it('shows as [secret] where text is asked for', () => {
    expect(`${String(secret)} ${JSON.stringify([secret])} ${inspect(secret)}`).toBe(
      '[secret] ["[secret]"] [secret]',
    );
  });

  it('has no own property, and a structured clone of it is an empty object', () => {
    expect(Object.entries(secret)).toEqual([]);
    expect(Reflect.ownKeys(secret)).toEqual([]);
    const clone: unknown = structuredClone(secret);
    expect(clone).toEqual({});
    expect(clone).not.toBeInstanceOf(Secret);
  });

  it('gives its content to reveal and bytes', () => {
    expect(secret.reveal()).toBe(plain);
    expect(Buffer.from(secret.bytes()).toString()).toBe(plain);
    expect(secret.length).toBe(plain.length);
    expect(Secret.fromText('ü').length).toBe(2);
  });

  it('keeps its own copy of the bytes', () => {
    const source = Uint8Array.of(1, 2, 3);
    const copy = Secret.fromBytes(source);
    source.fill(0);
    expect([...copy.bytes()]).toEqual([1, 2, 3]);
  });

  it('equals a secret of the same content alone', () => {
    expect(secret.equals(Secret.fromText(plain))).toBe(true);
    expect(secret.equals(Secret.fromText(`${plain}!`))).toBe(false);
    expect(secret.equals(Secret.fromText(plain.replace('2', '3')))).toBe(false);
  });

  it('is gone after wipe', () => {
    const wiped = Secret.fromText(plain);
    const bytes = wiped.bytes();
    wiped.wipe();
    expect([...bytes]).toEqual(Array.from({ length: plain.length }, () => 0));
  });
});
