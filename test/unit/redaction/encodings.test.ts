/** Each way to write a value down, around it prefixes and suffixes, over values of every length and kind. */
import { execFileSync } from 'node:child_process';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Redactor } from '../../../src/redaction/redactor.ts';

type Encoder = (text: string) => string;

const bytesOf = (text: string): Buffer => Buffer.from(text);
const wrap = (text: string, columns: number): string =>
  text.replace(new RegExp(`.{${columns}}`, 'g'), '$&\n');
const unicode = (text: string, pattern: RegExp, upper = false): string =>
  text.replace(pattern, (unit) => {
    const hex = unit.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${upper ? hex.toUpperCase() : hex}`;
  });
const go: Encoder = (text) => unicode(JSON.stringify(text), /[<>&\u2028\u2029]/g);
const python: Encoder = (text) => unicode(JSON.stringify(text), /[^\0-\x7e]/g);

const encoders: Record<string, Encoder> = {
  raw: (text) => text,
  'CRLF line ends': (text) => text.replaceAll('\n', '\r\n'),
  base64: (text) => bytesOf(text).toString('base64'),
  'base64 wrapped at 76': (text) => wrap(bytesOf(text).toString('base64'), 76),
  'base64 wrapped at 64 in JSON': (text) => JSON.stringify(wrap(bytesOf(text).toString('base64'), 64)),
  base64url: (text) => bytesOf(text).toString('base64url'),
  'UTF-16LE in base64': (text) => Buffer.from(text, 'utf16le').toString('base64'),
  hex: (text) => bytesOf(text).toString('hex'),
  'upper-case hex': (text) => bytesOf(text).toString('hex').toUpperCase(),
  'hex wrapped at 60': (text) => wrap(bytesOf(text).toString('hex'), 60),
  encodeURIComponent,
  encodeURI,
  'lower-case percent': (text) => encodeURIComponent(text).replace(/%../g, (escape) => escape.toLowerCase()),
  URLSearchParams: (text) => new URLSearchParams({ text }).toString(),
  'URL object': (text) => Object.assign(new URL('http://host/'), { password: text }).href,
  'RFC 3986': (text) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
  JSON: (text) => JSON.stringify({ text }),
  'JSON in JSON': (text) => JSON.stringify(JSON.stringify({ text })),
  'JSON in JSON in JSON': (text) => JSON.stringify(JSON.stringify(JSON.stringify({ text }))),
  'JSON of Go': go,
  'JSON of Go in JSON of Go': (text) => go(go(text)),
  'JSON of Python': python,
  'JSON of Python in JSON': (text) => JSON.stringify(python(text)),
  'upper-case \\u': (text) => unicode(JSON.stringify(text), /[^\0-\x7e]/g, true),
  'JSON of PHP': (text) => unicode(JSON.stringify(text).replaceAll('/', '\\/'), /[^\0-\x7f]/g),
  'JSON of PHP in JSON': (text) => JSON.stringify(JSON.stringify(text).replaceAll('/', '\\/')),
  'JSON of .NET': (text) =>
    `"${unicode(
      text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\t', '\\t'),
      /["'<>&+`]|[^ -~]/g,
      true,
    )}"`,
  XML: (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
  'XML attribute': (text) =>
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll("'", '&apos;'),
  'HTML of Go': (text) =>
    text
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&#34;')
      .replaceAll("'", '&#39;'),
  'single quotes of a shell': (text) => `'${text.replaceAll("'", `'\\''`)}'`,
  'util.inspect': (text) => inspect({ text }, { breakLength: Infinity }),
};

const alphabets: Record<string, string> = {
  letters: 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789',
  base64: 'ABab01+/9zZy',
  quotes: `a"b'c\\d\`e$f`,
  slashes: 'a/b\\c:d?e#f%g&h=i+j k',
  markup: 'a<b>c&d;e"f',
  unicode: 'aäböcß日本𝄞é',
  lines: 'abcdefghijklmnop\nqrstuvwxyz-0123',
  controls: 'a\tb\x01c\x7fd e',
};

/** Deterministic text of an alphabet: a linear congruential generator picks. */
function textOf(alphabet: string, length: number, seed: number): string {
  const letters = Array.from(alphabet);
  let state = seed * 7919 + length;
  return Array.from({ length }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return letters[Math.floor((state / 2147483648) * letters.length)];
  }).join('');
}

const lengths = [
  8, 9, 10, 11, 12, 13, 15, 16, 17, 20, 24, 31, 32, 33, 40, 48, 57, 58, 64, 76, 77, 100, 127, 128, 200,
];
const around = ['', 'a', 'ab', 'abc', '"', '\\', 'user:'];

/** Characters at the edges that depend on the text around a value too: parts of base64 groups, the start of a line. */
const edges = 12;

describe.each(Object.entries(alphabets))('values of %s', (_, alphabet) => {
  it.each(Object.entries(encoders))('leave nothing behind in: %s', (name, encode) => {
    for (const length of lengths) {
      const value = textOf(alphabet, length, 1).trim().padEnd(8, 'x');
      const redactor = new Redactor();
      redactor.setValues({ K: value }, []);
      for (const before of around) {
        for (const after of around) {
          const text = encode(before + value + after);
          const left = redactor.redactText(text);
          expect(left, `${name} ${length} ${JSON.stringify([before, after])}`).toContain('[redacted:K]');
          const rest = left.replaceAll('[redacted:K]', '');
          expect(rest.length, `${name} ${length}: ${left}`).toBeLessThanOrEqual(
            encode(before + after).length + edges,
          );
        }
      }
    }
  });
});

describe('JSON', () => {
  const surroundings = ['', '\\', '\\\\', '\n', '"', 'é', '\u0001', 'C:\\'];

  it.each(Object.entries(alphabets))('stays JSON, with everything else in it: %s', (_, alphabet) => {
    for (const length of lengths) {
      const value = textOf(alphabet, length, 3).trim().padEnd(8, 'x');
      const redactor = new Redactor();
      redactor.setValues({ 'k "\\': value }, []);
      const texts = surroundings.flatMap((text) =>
        [JSON.stringify, go, python].map((encode) => encode(text + value + text)),
      );
      for (const text of texts) {
        const parsed = JSON.parse(redactor.redactText(`{"list":[${text},1],"other":"x"}`)) as {
          list: unknown[];
        };
        expect(parsed).toEqual({ list: [expect.stringContaining('[redacted:k___]'), 1], other: 'x' });
      }
    }
  });
});

describe('as programs of the machine write it', () => {
  const value = `p/ss+w0rd "with" <a> & é\\n 'quoted' $(x) and so on, for more than one line of base64`;
  const run = (script: string): string =>
    execFileSync('bash', ['--norc', '-c', script], {
      env: { PATH: process.env['PATH'], V: value, LC_ALL: 'C.UTF-8' },
      encoding: 'utf8',
    });

  it.each([
    ['base64', 'echo "user:$V" | base64'],
    ['od', 'printf %s "$V" | od -An -v -tx1 | tr -d " \\n"'],
    ['printf %q', 'printf %q "$V"'],
    ['${V@Q}', 'echo "${V@Q}"'],
    ['set -x', 'exec 2>&1; set -x; : "$V"'],
  ])('%s', (_, script) => {
    const redactor = new Redactor();
    redactor.setValues({ K: value }, []);
    expect(redactor.redactText(run(script))).toMatch(/^\S{0,8}.{0,12}\[redacted:K\].{0,8}$/s);
  });
});
