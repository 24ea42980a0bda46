/**
 * Re-encrypts the values of a server's McpSecrets into its McpEnvironment. A value that can't be unsealed keeps the
 * last good one of the same McpSecret, if there is one, and is reported; the server's other keys are not affected.
 */
import { createHash } from 'node:crypto';
import type { McpEnvironment, McpSecret, McpServer } from '../api/generated/types.ts';
import { hasCode, McpError, type ErrorCode } from '../api/errors.ts';
import { apiVersion } from '../api/names.ts';
import { encryptRecord } from '../crypto/envelope.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { parseSealed, unseal } from '../crypto/seal.ts';
import type { KubeClient } from '../kube/client.ts';
import { mcpEnvironments } from '../kube/resources.ts';
import {
  nextSpec,
  planEnvironment,
  type EnvironmentPlan,
  type EnvironmentValue,
  type KeyPlan,
} from './environment-plan.ts';
import { ownedBy } from './workload-plan.ts';

/** Most bytes of an McpEnvironment as JSON; etcd's own limit is 1.5 MiB. */
const maxObjectBytes = 1024 * 1024;

/** A key whose value can't be used, and why. */
export interface KeyProblem {
  key: string;
  secret: string;
  reason: ErrorCode;
  message: string;
}

/** What one reconciliation found; the status is made from it. */
export interface EnvironmentOutcome {
  problems: KeyProblem[];
  /** The environment that was written, if one was. */
  written?: McpEnvironment;
  /** Set when the whole environment could not be written. */
  failure?: { reason: ErrorCode; message: string };
}

export interface EnvironmentReconcilerDeps {
  client: KubeClient;
  keyring: () => Keyring;
  now: () => Date;
}

/** Brings the McpEnvironment of one server up to date; writes nothing when it already is. */
export async function reconcileEnvironment(
  server: McpServer,
  secrets: readonly McpSecret[],
  current: McpEnvironment | undefined,
  deps: EnvironmentReconcilerDeps,
): Promise<EnvironmentOutcome> {
  const plan = planEnvironment(secrets, current);
  const problems = conflictProblems(plan);
  const revision = Math.max(current?.spec.revision ?? 0, server.status?.revision ?? 0) + 1;
  const values = new Map<string, EnvironmentValue>();
  for (const key of plan.keys) {
    const value = await keyValue(key, server, revision, problems, deps);
    if (value) values.set(key.key, value);
  }
  const spec = nextSpec(current, values, plan.unredacted, revision, deps.now());
  if (!spec) return { problems };
  const object = environmentObject(server, current, spec);
  const bytes = Buffer.byteLength(JSON.stringify(object));
  if (bytes > maxObjectBytes) {
    const error = new McpError('EnvironmentTooLarge', {
      server: server.metadata.name,
      bytes,
      limit: maxObjectBytes,
    });
    return { problems, failure: { reason: error.code, message: error.message } };
  }
  await (current
    ? deps.client.replace(mcpEnvironments, object)
    : deps.client.create(mcpEnvironments, object));
  return { problems };
}

function conflictProblems(plan: EnvironmentPlan): KeyProblem[] {
  return plan.conflicts.map(({ key, secret, winner }) => ({
    key,
    secret,
    reason: 'KeyConflict' as const,
    message: `McpSecret ${winner} is older and already sets this key`,
  }));
}

async function keyValue(
  plan: KeyPlan,
  server: McpServer,
  revision: number,
  problems: KeyProblem[],
  deps: EnvironmentReconcilerDeps,
): Promise<EnvironmentValue | undefined> {
  if (plan.unchanged) return plan.current;
  const scope = {
    namespace: server.metadata.namespace ?? 'default',
    server: server.metadata.name,
    key: plan.key,
  };
  const keyring = deps.keyring();
  try {
    const value = await unseal(plan.sealed, scope, (id) => keyring.findSealing(id));
    const record = await encryptRecord(value, { ...scope, revision }, keyring.activeStorage());
    value.wipe();
    return {
      record,
      revision,
      source: plan.source,
      secret: plan.secret,
      changedAt: deps.now().toISOString(),
    };
  } catch (error) {
    if (!(error instanceof McpError)) throw error;
    problems.push({
      key: plan.key,
      secret: plan.secret,
      reason: error.code,
      message: problemText(error, plan),
    });
    return plan.current;
  }
}

function problemText(error: McpError, plan: KeyPlan): string {
  const keyId = hasCode(error, 'UnknownKeyId') ? parseSealed(plan.sealed)?.keyId : undefined;
  const known = keyId ? ` (key ${keyId})` : '';
  return `${error.message}${known}${plan.current ? '; the value before stays in use' : ''}`;
}

function environmentObject(
  server: McpServer,
  current: McpEnvironment | undefined,
  spec: McpEnvironment['spec'],
): McpEnvironment {
  return {
    apiVersion,
    kind: 'McpEnvironment',
    metadata: {
      name: server.metadata.name,
      namespace: server.metadata.namespace ?? 'default',
      ownerReferences: ownedBy(server),
      ...(current?.metadata.resourceVersion && { resourceVersion: current.metadata.resourceVersion }),
    },
    spec,
  };
}

/** A short, stable name for a list of problems, so that an Event is sent once for each new list. */
export function problemsDigest(problems: readonly KeyProblem[]): string {
  return createHash('sha256').update(JSON.stringify(problems)).digest('base64url').slice(0, 16);
}
