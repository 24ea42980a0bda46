/** Webhooks and policies: closed when they fail, and asked about nothing but what is ours. */
import { beforeAll, describe, expect, it } from 'vitest';
import { serverLabel } from '../../../src/api/names.ts';
import { find, namespace, render, type Manifest, type Webhook } from './helm.ts';

let manifests: Manifest[];
let webhooks: Record<string, Webhook>;

beforeAll(async () => {
  manifests = await render();
  const all = manifests.flatMap(({ webhooks = [] }) => webhooks);
  webhooks = Object.fromEntries(all.map((webhook) => [webhook.name, webhook]));
});

describe('webhooks', () => {
  it('are three, each for one resource at one path', () => {
    const asked = Object.values(webhooks).map(({ clientConfig, rules }) => [
      clientConfig.service.path,
      rules.flatMap(({ apiGroups, resources, operations }) => [...apiGroups, ...resources, ...operations]),
    ]);
    expect(Object.fromEntries(asked)).toEqual({
      '/admission/secrets': ['mcpcore.dev', 'mcpsecrets', 'CREATE', 'UPDATE'],
      '/admission/pods': ['', 'pods', 'CREATE'],
      '/admission/servers': ['mcpcore.dev', 'mcpservers', 'CREATE', 'UPDATE'],
    });
  });

  it('fail closed, soon, and have no side effects', () => {
    for (const webhook of Object.values(webhooks)) {
      expect(webhook, webhook.name).toMatchObject({
        failurePolicy: 'Fail',
        sideEffects: 'None',
        matchPolicy: 'Equivalent',
        timeoutSeconds: 5,
      });
    }
  });

  it('leave caBundle to the operator', () => {
    for (const { name, clientConfig } of Object.values(webhooks)) {
      expect(Object.keys(clientConfig), name).toEqual(['service']);
    }
  });

  it('hold up no pod but the labelled ones, and none of kube-system or the operator', () => {
    const pods = webhooks['pods.mcpcore.dev']!;
    expect(pods.objectSelector?.matchExpressions).toEqual([{ key: serverLabel, operator: 'Exists' }]);
    expect(pods.namespaceSelector?.matchExpressions).toEqual([
      { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', namespace] },
    ]);
    expect(pods.reinvocationPolicy).toBe('IfNeeded');
  });

  it('seal in every namespace', () => {
    expect(webhooks['secrets.mcpcore.dev']).not.toHaveProperty('namespaceSelector');
    expect(webhooks['secrets.mcpcore.dev']).not.toHaveProperty('objectSelector');
  });

  it('pass over the namespaces that an option names', async () => {
    const changed = await render(['admission.excludedNamespaces=["kube-system","legacy"]']);
    const pods = find(changed, 'MutatingWebhookConfiguration').webhooks!.find(
      ({ name }) => name === 'pods.mcpcore.dev',
    );
    expect(pods?.namespaceSelector?.matchExpressions[0]?.values).toEqual([
      'kube-system',
      namespace,
      'legacy',
    ]);
  });
});

describe('policies', () => {
  it('deny, and fail closed', () => {
    const policies = manifests.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
    expect(policies.map(({ metadata }) => metadata.name).sort()).toEqual([
      'mcpcore-annotations',
      'mcpcore-environments',
    ]);
    for (const { metadata, spec } of policies) {
      expect(spec).toMatchObject({ failurePolicy: 'Fail', validations: [{ reason: 'Forbidden' }] });
      const binding = find(manifests, 'ValidatingAdmissionPolicyBinding', metadata.name);
      expect(binding.spec).toEqual({ policyName: metadata.name, validationActions: ['Deny'] });
    }
  });
});
