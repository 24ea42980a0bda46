import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Redactor } from '../../../src/redaction/redactor.ts';

const value = 'p/ss+w0rd "with" <a> & é\\n';

function redactor(values: Record<string, string> = { DB_PASSWORD: value }): Redactor {
  const made = new Redactor();
  made.setValues(values, []);
  return made;
}

describe('a value in text', () => {
  const spellings: Record<string, (text: string) => string> = {
    raw: (text) => text,
    JSON: (text) => JSON.stringify({ text }),
    'JSON in JSON': (text) => JSON.stringify(JSON.stringify({ text })),
    hex: (text) => Buffer.from(text).toString('hex'),
    'upper-case hex': (text) => Buffer.from(text).toString('hex').toUpperCase(),
    percent: (text) => encodeURIComponent(text),
  };

  it.each(Object.entries(spellings))('is redacted in %s', (_, spell) => {
    expect(redactor().redactText(`before ${spell(value)} after`)).toContain('[redacted:DB_PASSWORD]');
    expect(redactor().redactText(spell(value))).not.toContain(spell(value));
  });

  it('leaves no more than its edges in base64, whatever stands around it', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 9 }), fc.string({ maxLength: 9 }), (before, after) => {
        const text = Buffer.from(before + value + after).toString('base64');
        const left = redactor().redactText(text);
        expect(left).toContain('[redacted:DB_PASSWORD]');
        for (const part of left.split('[redacted:DB_PASSWORD]')) {
          const decoded = [0, 1, 2, 3].map((cut) =>
            Buffer.from(part.slice(cut), 'base64').toString('latin1'),
          );
          expect(decoded.some((piece) => piece.includes(value.slice(4, 12)))).toBe(false);
        }
      }),
    );
  });

  it('never survives any of its occurrences', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 8, maxLength: 40 }),
        fc.string(),
        fc.string(),
        (secret, before, after) => {
          const made = redactor({ K: secret });
          // What can't be redacted, such as blanks alone, is said and not silently passed.
          fc.pre(made.unredactable().length === 0);
          expect(made.redactText(before + secret + after)).toContain('[redacted:K]');
        },
      ),
    );
  });
});

describe('values of any size', () => {
  it('are redacted whole', () => {
    const big = 'line with "quotes"\n'.repeat(3500);
    expect(redactor({ BIG: big, PART: 'with "quotes"' }).redactText(`a ${big} b`)).toBe('a [redacted:BIG] b');
    expect(redactor({ BIG: big }).redactText(JSON.stringify([big]))).toBe('["[redacted:BIG]"]');
  });

  it('leave nothing between two that overlap', () => {
    expect(redactor({ A: 'abcdefghij', B: 'ghijklmnop' }).redactText('abcdefghijklmnop')).toBe(
      '[redacted:A]',
    );
  });
});

describe('rotation', () => {
  it('keeps the old value redacted for the grace period, and not longer', () => {
    let now = 0;
    const made = new Redactor({ graceMs: 1000, now: () => now });
    made.setValues({ TOKEN: 'the old value' }, []);
    made.setValues({ TOKEN: 'the new value' }, []);
    expect(made.redactText('the old value, the new value')).toBe('[redacted:TOKEN], [redacted:TOKEN]');
    now = 1000;
    made.setValues({ TOKEN: 'the new value' }, []);
    expect(made.redactText('the old value, the new value')).toBe('the old value, [redacted:TOKEN]');
  });
});

describe('what is not redacted', () => {
  it('says which keys are too short, and lets unredacted keys show', () => {
    const made = new Redactor();
    made.setValues({ PIN: '1234', HOST: 'db.example.com' }, ['HOST']);
    expect(made.unredactable()).toEqual([{ key: 'PIN', reason: 'the value has fewer than 8 bytes' }]);
    expect(made.redactText('db.example.com')).toBe('db.example.com');
  });

  it('gives keys a form that cannot break JSON', () => {
    const made = redactor({ 'my "key"\n': 'long enough value' });
    expect(JSON.parse(JSON.stringify({ a: made.redactText('long enough value') }))).toEqual({
      a: '[redacted:my__key__]',
    });
  });
});
