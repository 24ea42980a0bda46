/** The chart's ValidatingAdmissionPolicies on a real API server, without any webhook. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { waitFor } from '../cluster/process.ts';
import { namespace, render } from '../unit/chart/helm.ts';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
const operator = `system:serviceaccount:${namespace}:mcpcore`;
let plane: ControlPlane;

/** An McpSecret whose stored values are sealed, with an annotation as a client left it. */
function secret(applied?: string): string {
  return JSON.stringify({
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpSecret',
    metadata: {
      name: 'annotated',
      namespace: 'default',
      ...(applied !== undefined && { annotations: { [lastApplied]: applied } }),
    },
    spec: { server: 'tools', values: { TOKEN: 'mcps1.k1.AAAA' } },
  });
}

/** What kubectl writes into the annotation: compact JSON and a line feed. */
function copyOf(spec: Record<string, unknown>): string {
  return `${JSON.stringify({
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpSecret',
    metadata: { annotations: {}, name: 'annotated', namespace: 'default' },
    spec: { server: 'tools', ...spec },
  })}\n`;
}

/**
 * Asks the API server without storing anything; resolves to `accepted` or to its words. The request is raw because
 * kubectl writes the annotation anew where it finds one.
 */
function answer(object: string, plural = 'mcpsecrets'): Promise<string> {
  const path = `/apis/mcpcore.dev/v1alpha1/namespaces/default/${plural}?dryRun=All`;
  return plane.kubectl(['create', '--raw', path, '-f', '-'], object).then(
    () => 'accepted',
    (error: unknown) => String(error),
  );
}

const environment = (revision: number, values: Record<string, unknown> = {}, labels = {}) =>
  JSON.stringify({
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpEnvironment',
    metadata: { name: 'tools', namespace: 'default', labels },
    spec: { revision, values },
  });

beforeAll(async () => {
  plane = await startControlPlane();
  await plane.installCrds();
  const policies = (await render()).filter(
    ({ kind }) => kind.startsWith('ValidatingAdmissionPolicy') || kind.startsWith('ClusterRole'),
  );
  await plane.kubectl(
    ['apply', '--server-side', '-f', '-'],
    policies.map((policy) => stringify(policy)).join('---\n'),
  );
  await waitFor('policies in force', async () => {
    const answers = await Promise.all([
      answer(secret(copyOf({ values: { A: 'b' } }))),
      answer(environment(1), 'mcpenvironments'),
    ]);
    return answers.every((text) => text.includes('ValidatingAdmissionPolicy'));
  });
});

afterAll(async () => {
  await plane?.stop();
});

describe('the copy that kubectl apply leaves', () => {
  it.each<[string, Record<string, unknown>]>([
    ['a plain value', { values: { TOKEN: 'canary-5150' } }],
    ['a plain value among sealed ones', { values: { A: '(sealed)', B: 'canary-5150', C: 'mcps1.k1.AA' } }],
    ['a plain value that looks like a closing', { values: { A: '"}} canary-5150' } }],
    ['a plain value after an escaped key', { values: { 'A"\\': '(sealed)', B: 'canary-5150' } }],
    ['a plain value that begins like a placeholder', { values: { A: '(sealed) canary-5150' } }],
    ['a plain value that begins like a sealed one', { values: { A: 'mcps1.k1.AA canary-5150' } }],
    ['an empty value', { values: { A: '' } }],
    ['a number', { values: { A: 5150 } }],
    ['a plain value under a key named values', { values: { values: 'canary-5150' } }],
    ['values inside of values', { values: { values: { A: '(sealed)' } } }],
  ])('is refused with %s, which is not repeated', async (_, spec) => {
    const text = await answer(secret(copyOf(spec)));
    expect(text).toContain('holds a plain value');
    expect(text).toContain('Forbidden');
    expect(text).not.toContain('5150');
  });

  it('is refused too when it is written with spaces', async () => {
    const spaced = JSON.stringify(JSON.parse(copyOf({ values: { A: 'canary-5150' } })), undefined, 2);
    expect(await answer(secret(spaced))).toContain('holds a plain value');
  });

  it.each<[string, Record<string, unknown>]>([
    ['the placeholder', { values: { TOKEN: '(sealed)' } }],
    ['placeholders and sealed values', { values: { A: '(sealed)', B: 'mcps1.k3f9.AAAB-_', C: '(sealed)' } }],
    ['keys that need escapes', { values: { 'A"{}\\': '(sealed)', 'ключ\n': '(sealed)' } }],
    ['a key named values', { values: { values: '(sealed)', other: '(sealed)' } }],
    ['no values', { values: {} }],
    ['values left out', {}],
    ['256 keys as long as they may be', { values: keys(256, 253, '(sealed)') }],
  ])('is accepted with %s', async (_, spec) => {
    expect(await answer(secret(copyOf(spec)))).toBe('accepted');
  });

  it('may be absent', async () => {
    expect(await answer(secret())).toBe('accepted');
  });
});

function keys(count: number, length: number, value: string): Record<string, string> {
  const names = Array.from({ length: count }, (_, index) => `${index}`.padStart(length, 'K'));
  return Object.fromEntries(names.map((name) => [name, value]));
}

describe('an McpEnvironment', () => {
  const apply = (object: string, ...args: string[]) =>
    plane.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-', ...args], object);

  it('is written by the operator and by nobody else, cluster-admin included', async () => {
    const refusal = 'only the operator writes the spec of an McpEnvironment';
    await expect(apply(environment(1))).rejects.toThrow(refusal);
    await apply(environment(1), '--as', operator);
    await expect(apply(environment(2))).rejects.toThrow(refusal);
    await apply(environment(2), '--as', operator);
    // A value rolled back is what this is about.
    await expect(apply(environment(1))).rejects.toThrow(refusal);
    await expect(
      apply(environment(3), '--as', `system:serviceaccount:default:mcpcore`, '--as-group=system:masters'),
    ).rejects.toThrow(refusal);
  });

  it('lets the garbage collector and administrators change its metadata, however large it is', async () => {
    const record = `mcpe1.k1.${'A'.repeat(90_000)}`;
    const value = { record, revision: 3, source: 's', secret: 'annotated' };
    const names = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J'];
    const values = Object.fromEntries(names.map((name) => [name, value]));
    await apply(environment(3, values), '--as', operator);
    await plane.kubectl(['label', 'mcpenvironment', 'tools', 'team=a']);
    const finalizers = JSON.stringify({ metadata: { finalizers: ['foregroundDeletion'] } });
    await plane.kubectl(['patch', 'mcpenvironment', 'tools', '--type=merge', '-p', finalizers]);
    const emptied = JSON.stringify({ metadata: { finalizers: null } });
    await plane.kubectl(['patch', 'mcpenvironment', 'tools', '--type=merge', '-p', emptied]);
  });

  it('may be deleted: it is made again', async () => {
    await expect(plane.kubectl(['delete', 'mcpenvironment', 'tools'])).resolves.toContain('deleted');
  });
});
