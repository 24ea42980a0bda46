/** Notes of Events are limited in bytes. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { truncate } from '../../../src/kube/events.ts';

it('keeps the longest beginning that fits, in whole characters', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.integer({ min: 0, max: 64 }),
      (text, limit) => {
        const kept = truncate(text, limit);
        expect(text.startsWith(kept)).toBe(true);
        expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(limit);
        const next = String.fromCodePoint(text.codePointAt(kept.length) ?? 0);
        if (kept !== text) expect(Buffer.byteLength(kept + next)).toBeGreaterThan(limit);
      },
    ),
  );
});
