/** Conditions of our kinds, in the Gateway API's vocabulary: four types, each with a fixed set of reasons. */
import type { McpServer } from './generated/types.ts';

export type Condition = NonNullable<NonNullable<McpServer['status']>['conditions']>[number];

/**
 * The reasons of each condition type, and what each tells a person. `Ready`, while another condition keeps it from being
 * true, has that one's reason.
 */
export const conditionReasons = {
  Accepted: {
    Accepted: 'The specification is valid.',
  },
  ResolvedRefs: {
    ResolvedRefs: 'Every value can be read.',
    ServerNotFound: 'The McpServer that the McpSecret names does not exist.',
    InvalidSealedValue: 'A value begins with mcps1. but is no sealed value.',
    UnsupportedVersion: 'A value was sealed in a format that this version does not read.',
    Corrupt: 'A sealed value was damaged after it was sealed.',
    UnknownKeyId: 'A value was sealed with a key that this cluster does not hold.',
    ScopeMismatch: 'A value was sealed for another namespace, server or key.',
    KeyConflict: 'An older McpSecret of the same server already sets the key.',
  },
  Programmed: {
    Programmed: 'The environment holds the current values.',
    Pending: 'The environment is being written.',
    EnvironmentTooLarge: 'The values do not fit in one environment.',
  },
  Ready: {
    Ready: 'Tool code can read the values.',
    Progressing: 'Pods of the runner are starting.',
  },
} as const;

export type ConditionType = keyof typeof conditionReasons;

export interface ConditionInput {
  type: ConditionType;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  observedGeneration?: number;
}

/** The list with one condition set. `lastTransitionTime` moves only when the status does. */
export function setCondition(list: readonly Condition[], input: ConditionInput, now: Date): Condition[] {
  const before = list.find(({ type }) => type === input.type);
  const lastTransitionTime =
    before?.status === input.status ? before.lastTransitionTime : `${now.toISOString().slice(0, 19)}Z`;
  const condition: Condition = { ...input, lastTransitionTime };
  return before ? list.map((item) => (item === before ? condition : item)) : [...list, condition];
}
