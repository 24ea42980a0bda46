/** Conditions change their time with their status, and with nothing else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  conditionReasons,
  setCondition,
  type Condition,
  type ConditionType,
} from '../../../src/api/conditions.ts';

const early = new Date('2026-01-01T00:00:00.500Z');
const late = new Date('2026-01-02T00:00:00.000Z');
const types = Object.keys(conditionReasons) as ConditionType[];

function ready(status: 'True' | 'False', reason: string) {
  return { type: 'Ready' as const, status, reason, message: reason };
}

describe('setCondition', () => {
  it('adds a condition with the time in whole seconds, as Kubernetes writes it', () => {
    expect(setCondition([], ready('True', 'Ready'), early)).toEqual([
      {
        type: 'Ready',
        status: 'True',
        reason: 'Ready',
        message: 'Ready',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ]);
  });

  it('keeps the time while the status stays, and takes reason and message over', () => {
    const before = setCondition([], ready('False', 'Progressing'), early);
    const [condition] = setCondition(before, ready('False', 'Ready'), late);
    expect(condition).toMatchObject({
      reason: 'Ready',
      message: 'Ready',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
  });

  it('moves the time when the status changes', () => {
    const before = setCondition([], ready('False', 'Progressing'), early);
    const [condition] = setCondition(before, ready('True', 'Ready'), late);
    expect(condition?.lastTransitionTime).toBe('2026-01-02T00:00:00Z');
  });

  it('leaves its input and every other condition as they are, and holds each type once', () => {
    const input = fc.record({
      type: fc.constantFrom(...types),
      status: fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const),
      reason: fc.constantFrom('Ready', 'Pending'),
      message: fc.string(),
    });
    fc.assert(
      fc.property(fc.array(input, { maxLength: 12 }), (inputs) => {
        let list: readonly Condition[] = [];
        for (const condition of inputs) {
          const before = structuredClone(list);
          const next = setCondition(Object.freeze([...list]), condition, late);
          expect(list).toEqual(before);
          expect(next.filter(({ type }) => type !== condition.type)).toEqual(
            list.filter(({ type }) => type !== condition.type),
          );
          expect(new Set(next.map(({ type }) => type)).size).toBe(next.length);
          list = next;
        }
      }),
    );
  });
});

describe('reasons', () => {
  it('are what the API server takes as a reason, and each says what it means', () => {
    expect(types).toEqual(['Accepted', 'ResolvedRefs', 'Programmed', 'Ready']);
    for (const [reason, meaning] of types.flatMap((type) => Object.entries(conditionReasons[type]))) {
      expect(reason).toMatch(/^[A-Z][A-Za-z]*$/);
      expect(meaning).toMatch(/^[A-Z].*\.$/);
    }
  });
});
