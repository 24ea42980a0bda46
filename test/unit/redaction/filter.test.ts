import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RedactingFilter } from '../../../src/redaction/filter.ts';
import { compile, cut, redactParts, redactSlowly } from './reference.ts';

const of = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text));

/** Few letters, so that needles overlap themselves and each other. */
const letters = (alphabet: string): fc.Arbitrary<Buffer> =>
  fc
    .string({ unit: fc.constantFrom(...Array.from(alphabet)), minLength: 8, maxLength: 14 })
    .map((text) => Buffer.from(text, 'latin1'));

/** Text with needles, parts of needles and other letters in it. */
function textOf(needles: readonly Buffer[], alphabet: string): fc.Arbitrary<Buffer> {
  const piece = fc.oneof(
    fc.constantFrom(...needles),
    fc
      .tuple(fc.constantFrom(...needles), fc.nat(13), fc.nat(13))
      .map(([needle, from, to]) => needle.subarray(from, to)),
    fc
      .string({ unit: fc.constantFrom(...Array.from(alphabet)), maxLength: 12 })
      .map((text) => Buffer.from(text, 'latin1')),
  );
  return fc.array(piece, { maxLength: 8 }).map((pieces) => Buffer.concat(pieces));
}

const given = (alphabet: string): fc.Arbitrary<{ needles: Buffer[]; text: Buffer; places: number[] }> =>
  fc.array(letters(alphabet), { minLength: 1, maxLength: 6 }).chain((needles) =>
    fc.record({
      needles: fc.constant(needles),
      text: textOf(needles, alphabet),
      places: fc.array(fc.nat(100), { maxLength: 4 }),
    }),
  );

describe('against every needle tried at every place', () => {
  it.each([
    ['two letters', 'ab'],
    ['three letters', 'abc'],
    ['backslashes and escapes', '\\ua0t"'],
    ['bytes beyond ASCII', 'a\xff\x00\xc3'],
  ])('gives the same, wherever it is cut: %s', (_, alphabet) => {
    fc.assert(
      fc.property(given(alphabet), ({ needles, text, places }) => {
        const parts = cut(text, ...places.map((place) => place % (text.length + 1)));
        const redacted = redactParts(compile(needles), parts);
        expect(redacted.toString('latin1')).toBe(redactSlowly(text, needles).toString('latin1'));
      }),
      { numRuns: 1500 },
    );
  });

  it('gives the same over many needles and long text', () => {
    const needle = fc.string({
      unit: fc.constantFrom(...Array.from('abcdefgh0123')),
      minLength: 8,
      maxLength: 40,
    });
    fc.assert(
      fc.property(
        fc.array(needle, { minLength: 50, maxLength: 300 }),
        fc.array(fc.oneof(fc.nat(299), fc.string({ maxLength: 60 })), { minLength: 10, maxLength: 60 }),
        (texts, pieces) => {
          const needles = of(...texts);
          const text = pieces
            .map((piece) => (typeof piece === 'number' ? texts[piece] : piece) ?? '')
            .join('');
          expect(redactParts(compile(needles), of(text)).toString()).toBe(
            redactSlowly(Buffer.from(text), needles).toString(),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('cuts', () => {
  const cases: [string, Buffer[], Buffer][] = [
    ['aab', of('aabaabaab'), Buffer.from('x aaabaabaab y aabaabaaabaabaab')],
    ['AKIAKIB', of('AKIAKIB-secret'), Buffer.from('AKIAKIAKIB-secret')],
    ['sss', of('ssecret-value'), Buffer.from('sssssecret-value')],
    ['PEM', of('-----BEGIN KEY'), Buffer.from('--------BEGIN KEY')],
    ['overlapping', of('abcdefgh', 'efghijklmno', 'mnopqrstuv'), Buffer.from('abcdefghijklmnopqrstuvw')],
    [
      'nested',
      of('abcdefghijklmnop', 'cdefghijkl', 'abcdefghij'),
      Buffer.from('abcdefghijklm abcdefghijklmnop'),
    ],
    ['colours', of('ghp_0123456789'), Buffer.from('\x1b[1mgh\x1b[01;31m\x1b[Kp_0123\x1b[m456789\x1b[0m')],
    ['wrapped', of('0123456789abcdef'), Buffer.from('0123456789\n    abcdef 012345678\\r\\n9abcdef')],
  ];

  it.each(cases)('at every byte into two and three writes change nothing: %s', (_, needles, text) => {
    const compiled = compile(needles);
    const whole = redactParts(compiled, [text]).toString();
    expect(whole).toContain('[0]');
    for (let first = 0; first <= text.length; first++) {
      for (let second = first; second <= text.length; second++) {
        expect(redactParts(compiled, cut(text, first, second)).toString()).toBe(whole);
      }
    }
  });

  it('of text with colours and line breaks change nothing', () => {
    const piece = fc.constantFrom(
      '\x1b',
      '[',
      '31',
      'm',
      '\n',
      '\r',
      ' ',
      '\\',
      'n',
      'abcdefgh',
      'ij',
      'klm',
      'ab',
    );
    const needles = compile(
      of('abcdefghijklm', 'ijklmabcdefghij', 'mabcdefgh', 'abcdefgh\nabij', 'abij31mab\x1b'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const text = Buffer.from(pieces.join(''));
        const bytes = [...text].map((byte) => Buffer.from([byte]));
        expect(redactParts(needles, bytes).toString()).toBe(redactParts(needles, [text]).toString());
      }),
      { numRuns: 3000 },
    );
  });
});

describe('what breaks up a value', () => {
  const value = 'ghp_0123456789abcdef';

  it('may stand anywhere in it when it is a control sequence', () => {
    for (let at = 1; at < value.length; at++) {
      for (const sequence of ['\x1b[m', '\x1b[01;31m\x1b[K', '\x1b[38;2;255;0;10m']) {
        const text = Buffer.from(`<${value.slice(0, at)}${sequence}${value.slice(at)}>`);
        expect(redactParts(compile(of(value)), [text]).toString()).toBe('<[0]>');
      }
    }
  });

  it('may be a line break with indentation, once eight bytes have matched', () => {
    for (let at = 8; at < value.length; at++) {
      for (const lineBreak of ['\n', '\r\n', '\n    ', '\\n', '\\r\\n', '\\\\n\t']) {
        const text = Buffer.from(`<${value.slice(0, at)}${lineBreak}${value.slice(at)}>`);
        expect(redactParts(compile(of(value)), [text]).toString()).toBe('<[0]>');
      }
    }
  });

  it('is no break when it is text of another needle', () => {
    const needles = of(value, '4\x1b[31m5abcdefg');
    expect(redactParts(compile(needles), of('ghp_01234\x1b[31m5abcdefg')).toString()).toBe('ghp_0123[1]');
  });

  it('holds back no more than a bound, however much of it comes', () => {
    const filter = new RedactingFilter(compile(of(value)));
    const given = filter.feed(Buffer.from(`${value.slice(0, 12)}${'\n'.repeat(1000)}`));
    expect(given.length).toBe(1012);
  });
});

describe('what is held back', () => {
  const needles = compile(of('secret-value', 'other\nsecret'));

  it.each([
    ['a whole line', 'a line of text\n', 'a line of text\n'],
    ['all that no match begins with', 'see secretsec', 'see secret'],
    ['nothing of a match that is complete', 'the secret-value', 'the [0]'],
    ['an escape sequence that has only begun', 'text\\', 'text'],
    ['an escape that is complete', 'text\\n', 'text\\n'],
    ['a prompt', 'Password: ', 'Password: '],
  ])('gives on at once: %s', (_, text, now) => {
    expect(new RedactingFilter(needles).feed(Buffer.from(text)).toString()).toBe(now);
  });

  it('comes out at the end', () => {
    const filter = new RedactingFilter(needles);
    filter.feed(Buffer.from('secret-val'));
    expect(filter.end().toString()).toBe('secret-val');
  });

  it('is looked at again with new needles', () => {
    const filter = new RedactingFilter(compile(of('abcdefgh-longer-value')));
    expect(filter.feed(Buffer.from('x abcdefgh-long')).toString()).toBe('x ');
    expect(filter.change(compile(of('unrelated', 'bcdefgh-'))).toString()).toBe('a[1]long');
    expect(filter.feed(Buffer.from('er')).toString()).toBe('er');
  });

  it('goes on as the start of a new needle', () => {
    const filter = new RedactingFilter(compile(of('abcdefgh-old')));
    expect(filter.feed(Buffer.from('abcdefgh')).toString()).toBe('');
    expect(filter.change(compile(of('defgh-new'))).toString()).toBe('abc');
    expect(filter.feed(Buffer.from('-new')).toString()).toBe('[0]');
  });
});

it('leaves bytes that are no match as they are, without a copy', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (array) => {
      const bytes = Buffer.from([...array, 0]);
      expect(new RedactingFilter(compile(of('a value so long'))).feed(bytes).buffer).toBe(bytes.buffer);
    }),
  );
});
