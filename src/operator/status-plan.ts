/** Computes the status of an McpServer and of its McpSecrets: pure, from what is observed. */
import { setCondition, type Condition, type ConditionInput } from '../api/conditions.ts';
import type { McpEnvironment, McpSecret, McpServer } from '../api/generated/types.ts';
import { parseSealed } from '../crypto/seal.ts';
import type { EnvironmentOutcome, KeyProblem } from './environment-reconciler.ts';
import { isHosted, serverUrl } from './workload-plan.ts';

/** What the operator observed of one server. */
export interface Observed {
  server: McpServer;
  environment: McpEnvironment | undefined;
  outcome: EnvironmentOutcome;
  /** Ready replicas of the runner's Deployment; undefined while there is none. */
  readyReplicas: number | undefined;
}

export type ServerStatus = NonNullable<McpServer['status']>;
export type SecretStatus = NonNullable<McpSecret['status']>;

/** Sums the replicas' connections into n/m: pods on the current revision of pods connected. */
export function consumers(server: McpServer): string {
  const gateways = server.status?.gateways ?? [];
  const current = gateways.reduce((sum, gateway) => sum + (gateway.current ?? 0), 0);
  const connected = gateways.reduce((sum, gateway) => sum + (gateway.connected ?? 0), 0);
  return `${current}/${connected}`;
}

/** The server's status, without `gateways`, which each replica applies for itself. */
export function serverStatus(observed: Observed, now: Date): Omit<ServerStatus, 'gateways'> {
  const { server, environment } = observed;
  return {
    observedGeneration: server.metadata.generation ?? 0,
    ...(isHosted(server) && { url: serverUrl(server) }),
    keys: Object.keys(environment?.spec.values ?? {}).length,
    ...(environment && { revision: environment.spec.revision }),
    ...(environment?.spec.changedAt && { rotatedAt: environment.spec.changedAt }),
    consumers: consumers(server),
    conditions: serverConditions(observed, now),
  };
}

function serverConditions(observed: Observed, now: Date): Condition[] {
  const { server, environment, outcome } = observed;
  const observedGeneration = server.metadata.generation ?? 0;
  const accepted: ConditionInput = {
    type: 'Accepted',
    status: 'True',
    reason: 'Accepted',
    message: 'the specification is valid',
  };
  const resolved = resolvedCondition(outcome.problems);
  const programmed = programmedCondition(environment !== undefined, outcome);
  const ready = readyCondition(resolved, programmed, workload(observed));
  return merge(server.status?.conditions, [accepted, resolved, programmed, ready], observedGeneration, now);
}

/** The first thing that keeps the runner's pods from answering, if any. */
function workload({ server, readyReplicas }: Observed): string | undefined {
  const wanted = server.spec.replicas ?? 1;
  if (!isHosted(server) || (readyReplicas ?? 0) >= wanted) return undefined;
  return `${readyReplicas ?? 0} of ${wanted} runner pods are ready`;
}

function resolvedCondition(problems: readonly KeyProblem[]): ConditionInput {
  const [first] = problems;
  if (!first) {
    return {
      type: 'ResolvedRefs',
      status: 'True',
      reason: 'ResolvedRefs',
      message: 'every value can be read',
    };
  }
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return {
    type: 'ResolvedRefs',
    status: 'False',
    reason: first.reason,
    message: `McpSecret ${first.secret}: ${first.message}${more}`,
  };
}

function programmedCondition(written: boolean, outcome: EnvironmentOutcome): ConditionInput {
  const type = 'Programmed';
  if (outcome.failure) {
    return { type, status: 'False', reason: 'EnvironmentTooLarge', message: outcome.failure.message };
  }
  return written
    ? { type, status: 'True', reason: 'Programmed', message: 'the environment holds the current values' }
    : { type, status: 'Unknown', reason: 'Pending', message: 'the environment is being written' };
}

function readyCondition(
  resolved: ConditionInput,
  programmed: ConditionInput,
  waitingFor: string | undefined,
): ConditionInput {
  const type = 'Ready';
  const broken = [programmed, resolved].find(({ status }) => status !== 'True');
  if (broken) return { type, status: 'False', reason: broken.reason, message: broken.message };
  if (waitingFor) return { type, status: 'False', reason: 'Progressing', message: waitingFor };
  return { type, status: 'True', reason: 'Ready', message: 'the values are available to tool code' };
}

/** Status of one McpSecret of a server that exists. */
export function secretStatus(secret: McpSecret, observed: Observed, now: Date): SecretStatus {
  const problems = observed.outcome.problems.filter((problem) => problem.secret === secret.metadata.name);
  const values = valueStates(secret, observed, problems);
  const rotatedAt = values.map((value) => value.rotatedAt ?? '').reduce((a, b) => (a > b ? a : b), '');
  const resolved = resolvedCondition(problems);
  const programmed = programmedCondition(observed.environment !== undefined, observed.outcome);
  return {
    observedGeneration: secret.metadata.generation ?? 0,
    keys: values.filter((value) => value.rotatedAt !== undefined).length,
    ...(observed.environment && { revision: observed.environment.spec.revision }),
    consumers: consumers(observed.server),
    ...(rotatedAt && { rotatedAt }),
    values,
    conditions: merge(
      secret.status?.conditions,
      [acceptedSecret, resolved, programmed, readyCondition(resolved, programmed, undefined)],
      secret.metadata.generation ?? 0,
      now,
    ),
  };
}

const acceptedSecret: ConditionInput = {
  type: 'Accepted',
  status: 'True',
  reason: 'Accepted',
  message: 'only sealed values are stored',
};

function valueStates(
  secret: McpSecret,
  observed: Observed,
  problems: readonly KeyProblem[],
): NonNullable<SecretStatus['values']> {
  const stored = observed.environment?.spec.values ?? {};
  return Object.entries(secret.spec.values ?? {})
    .map(([key, sealed]) => {
      const keyId = parseSealed(sealed)?.keyId;
      const reason = problems.find((problem) => problem.key === key)?.reason;
      const value = Object.hasOwn(stored, key) ? stored[key] : undefined;
      const own = value?.secret === secret.metadata.name ? value : undefined;
      return {
        key,
        ...(keyId && { keyId }),
        ...(reason && { reason }),
        ...(own?.changedAt && { rotatedAt: own.changedAt }),
      };
    })
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/** Status of an McpSecret whose McpServer does not exist (yet). */
export function orphanStatus(secret: McpSecret, now: Date): SecretStatus {
  const resolved: ConditionInput = {
    type: 'ResolvedRefs',
    status: 'False',
    reason: 'ServerNotFound',
    message: `there is no McpServer ${secret.spec.server} in this namespace; create it or correct spec.server`,
  };
  const programmed: ConditionInput = {
    type: 'Programmed',
    status: 'Unknown',
    reason: 'Pending',
    message: 'waiting for the McpServer',
  };
  const ready: ConditionInput = { ...resolved, type: 'Ready' };
  const generation = secret.metadata.generation ?? 0;
  return {
    observedGeneration: generation,
    keys: 0,
    consumers: '0/0',
    conditions: merge(
      secret.status?.conditions,
      [acceptedSecret, resolved, programmed, ready],
      generation,
      now,
    ),
  };
}

function merge(
  before: readonly Condition[] | undefined,
  conditions: readonly ConditionInput[],
  observedGeneration: number,
  now: Date,
): Condition[] {
  return conditions.reduce<Condition[]>(
    (list, condition) => setCondition(list, { ...condition, observedGeneration }, now),
    [...(before ?? [])],
  );
}
