/**
 * Decides what a server's McpEnvironment is to hold: pure, from the McpSecrets and the environment as they are.
 * A key whose sealed text is unchanged keeps its record, so an operator that restarts neither unseals nor writes.
 */
import { createHash } from 'node:crypto';
import type { McpEnvironment, McpSecret } from '../api/generated/types.ts';

export type EnvironmentValue = NonNullable<McpEnvironment['spec']['values']>[string];

/** A key of the environment and where its value comes from. */
export interface KeyPlan {
  key: string;
  /** Name of the McpSecret. */
  secret: string;
  /** The sealed text. */
  sealed: string;
  /** Digest of the sealed text; says whether a record is still current. */
  source: string;
  /** The record in use now, if it came from the same McpSecret. */
  current?: EnvironmentValue;
  /** True when `current` is of this very sealed text. */
  unchanged: boolean;
}

/** A key that is not used because an older McpSecret sets it. */
export interface KeyConflict {
  key: string;
  secret: string;
  winner: string;
}

export interface EnvironmentPlan {
  keys: KeyPlan[];
  conflicts: KeyConflict[];
  unredacted: string[];
}

/** Digest of a sealed text, base64url of SHA-256. Sealing is randomised, so it says nothing of the value. */
export function sourceDigest(sealed: string): string {
  return createHash('sha256').update(sealed).digest('base64url');
}

/**
 * Plans the environment.
 * @param secrets all McpSecrets of the server, in any order; of two that set a key, the older wins (then the name)
 * @param current the environment as stored, if there is one
 */
export function planEnvironment(
  secrets: readonly McpSecret[],
  current: McpEnvironment | undefined,
): EnvironmentPlan {
  const keys = new Map<string, KeyPlan>();
  const conflicts: KeyConflict[] = [];
  const unredacted = new Set<string>();
  for (const secret of secrets.toSorted(olderFirst)) {
    if (secret.metadata.deletionTimestamp) continue;
    for (const [key, sealed] of Object.entries(secret.spec.values ?? {})) {
      const winner = keys.get(key);
      if (winner) {
        conflicts.push({ key, secret: secret.metadata.name, winner: winner.secret });
        continue;
      }
      keys.set(key, planKey(key, secret, sealed, current));
      if (secret.spec.unredacted?.includes(key)) unredacted.add(key);
    }
  }
  return {
    keys: [...keys.values()].toSorted((a, b) => compare(a.key, b.key)),
    conflicts,
    unredacted: [...unredacted].toSorted(compare),
  };
}

function planKey(
  key: string,
  secret: McpSecret,
  sealed: string,
  current: McpEnvironment | undefined,
): KeyPlan {
  const source = sourceDigest(sealed);
  const values = current?.spec.values ?? {};
  const stored = Object.hasOwn(values, key) ? values[key] : undefined;
  const record = stored?.secret === secret.metadata.name ? stored : undefined;
  return {
    key,
    secret: secret.metadata.name,
    sealed,
    source,
    ...(record && { current: record }),
    unchanged: record?.source === source,
  };
}

/**
 * The next environment's spec, or undefined when the stored one is already right.
 * @param values the values to hold, those of unchanged keys as they are
 * @param revision revision of the next environment
 */
export function nextSpec(
  current: McpEnvironment | undefined,
  values: ReadonlyMap<string, EnvironmentValue>,
  unredacted: readonly string[],
  revision: number,
  now: Date,
): McpEnvironment['spec'] | undefined {
  if (current && sameValues(current, values) && sameList(current.spec.unredacted ?? [], unredacted)) {
    return undefined;
  }
  return {
    revision,
    changedAt: now.toISOString(),
    ...(unredacted.length > 0 && { unredacted: [...unredacted] }),
    values: Object.fromEntries(values),
  };
}

function sameValues(current: McpEnvironment, values: ReadonlyMap<string, EnvironmentValue>): boolean {
  const stored = current.spec.values ?? {};
  if (Object.keys(stored).length !== values.size) return false;
  return [...values].every(
    ([key, value]) => Object.hasOwn(stored, key) && stored[key]?.record === value.record,
  );
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.toSorted(compare).every((item, index) => item === b[index]);
}

function olderFirst(a: McpSecret, b: McpSecret): number {
  return (
    compare(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') ||
    compare(a.metadata.name, b.metadata.name)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
