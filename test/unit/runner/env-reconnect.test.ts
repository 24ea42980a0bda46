import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { reconnectDelay } from '../../../src/runner/env/backoff.ts';
import { createRevisionGate } from '../../../src/runner/env/revision-gate.ts';

describe('reconnectDelay', () => {
  it('lies between 0.1 s and 10 s', () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 0.999999, noNaN: true }), (attempt, random) => {
        const ms = reconnectDelay(attempt, () => random);
        expect(ms).toBeGreaterThanOrEqual(100);
        expect(ms).toBeLessThanOrEqual(10_000);
      }),
    );
  });

  it('spreads over a range that doubles up to the limit', () => {
    const longest = [0, 1, 2, 3, 20].map((attempt) => reconnectDelay(attempt, () => 1));
    expect(longest).toEqual([200, 400, 800, 1600, 10_000]);
    expect(reconnectDelay(20, () => 0)).toBe(100);
  });
});

describe('createRevisionGate', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function gate(): { applied: number[]; offer: (revision: number) => void } {
    const applied: number[] = [];
    const made = createRevisionGate((state) => applied.push(state.revision), 1000);
    return { applied, offer: (revision) => made.offer({ revision, values: {}, unredacted: [] }) };
  }

  it('applies what is newer, and the same again', () => {
    const { applied, offer } = gate();
    for (const revision of [3, 3, 5]) offer(revision);
    expect(applied).toEqual([3, 3, 5]);
  });

  it('ignores a lower revision that is overtaken', () => {
    const { applied, offer } = gate();
    for (const revision of [5, 4, 6]) offer(revision);
    vi.advanceTimersByTime(10_000);
    expect(applied).toEqual([5, 6]);
  });

  it('applies a lower revision that stays, and goes on from there', () => {
    const { applied, offer } = gate();
    offer(5);
    offer(1);
    vi.advanceTimersByTime(999);
    expect(applied).toEqual([5]);
    vi.advanceTimersByTime(1);
    offer(2);
    expect(applied).toEqual([5, 1, 2]);
  });
});
