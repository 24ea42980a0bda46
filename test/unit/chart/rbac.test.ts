/** Every right that the chart grants. A new one fails here first, so that somebody looks at it. */
import { describe, expect, it } from 'vitest';
import { find, namespace, render, type Manifest, type Rule } from './helm.ts';

/** One line a rule: groups/resources[names]: verbs. */
function describeRule({ apiGroups, resources, resourceNames, verbs }: Rule): string {
  const names = resourceNames ? `[${resourceNames.join(' ')}]` : '';
  return `${apiGroups.map((group) => group || 'core').join(' ')}/${resources.join(' ')}${names}: ${verbs.join(' ')}`;
}

/** Rules of every role, under `Kind name`. */
const granted: Record<string, string[]> = {
  'ClusterRole mcpcore': [
    'mcpcore.dev/mcpservers mcpsecrets: get list watch',
    'mcpcore.dev/mcpservers/status mcpsecrets/status: update patch',
    'mcpcore.dev/mcpservers/finalizers: update',
    'mcpcore.dev/mcpenvironments: get list watch create update patch delete',
    'apps/deployments: get list watch create patch delete',
    'core/services: create patch delete',
    'core/serviceaccounts: create patch',
    'core/configmaps[mcpcore-ca]: create patch',
    'authentication.k8s.io/tokenreviews: create',
    'events.k8s.io/events: create patch',
    'admissionregistration.k8s.io/mutatingwebhookconfigurations validatingwebhookconfigurations[mcpcore]: get update patch',
  ],
  'Role mcpcore': [
    'core/secrets: create',
    'core/secrets[mcpcore-root-key mcpcore-keyring mcpcore-tls]: get update',
    'core/configmaps[mcpcore-sealing-keys]: get create patch',
    'coordination.k8s.io/leases: create',
    'coordination.k8s.io/leases[mcpcore-operator]: get update',
    'core/pods: get list watch',
  ],
  'Role mcpcore-sealing-keys': ['core/configmaps[mcpcore-sealing-keys]: get'],
  'ClusterRole mcpcore-view': ['mcpcore.dev/mcpservers mcpsecrets mcpenvironments: get list watch'],
  'ClusterRole mcpcore-edit': [
    'mcpcore.dev/mcpservers mcpsecrets: create update patch delete deletecollection',
  ],
};

const isRole = ({ kind }: Manifest) => kind === 'Role' || kind === 'ClusterRole';
const isBinding = ({ kind }: Manifest) => kind === 'RoleBinding' || kind === 'ClusterRoleBinding';

describe('rights', () => {
  it('are exactly these', async () => {
    const roles = (await render()).filter(isRole);
    const rules = Object.fromEntries(
      roles.map(({ kind, metadata, rules = [] }) => [`${kind} ${metadata.name}`, rules.map(describeRule)]),
    );
    expect(rules).toEqual(granted);
  });

  it('are bound to the operator alone, but for the public keys', async () => {
    const bindings = (await render()).filter(isBinding);
    const bound = bindings.map(({ kind, metadata, roleRef, subjects = [] }) => [
      `${kind} ${metadata.namespace ?? ''}`.trim(),
      `${roleRef?.kind} ${roleRef?.name}`,
      subjects.map((subject) => `${subject.kind} ${subject.namespace ?? ''}/${subject.name}`),
    ]);
    const operator = [`ServiceAccount ${namespace}/mcpcore`];
    expect(bound).toHaveLength(3);
    expect(bound).toEqual(
      expect.arrayContaining([
        ['ClusterRoleBinding', 'ClusterRole mcpcore', operator],
        [`RoleBinding ${namespace}`, 'Role mcpcore', operator],
        [`RoleBinding ${namespace}`, 'Role mcpcore-sealing-keys', ['Group /system:authenticated']],
      ]),
    );
  });

  it('reach no core Secret outside the namespace of the operator, and no wildcard', async () => {
    const roles = (await render()).filter(isRole);
    for (const { kind, metadata, rules = [] } of roles) {
      for (const rule of rules) {
        const words = [...rule.apiGroups, ...rule.resources, ...rule.verbs];
        expect(words, metadata.name).not.toContain('*');
        if (kind === 'ClusterRole') expect(rule.resources, metadata.name).not.toContain('secrets');
      }
    }
  });

  it('follow the name of the release', async () => {
    const manifests = await render(['fullnameOverride="gate"']);
    const webhooks = find(manifests, 'ClusterRole', 'gate').rules!.find(({ resources }) =>
      resources.includes('mutatingwebhookconfigurations'),
    );
    expect(webhooks?.resourceNames).toEqual(['gate']);
    expect(find(manifests, 'ClusterRoleBinding', 'gate').subjects?.[0]?.name).toBe('gate');
    const policy = find(manifests, 'ValidatingAdmissionPolicy', 'gate-environments');
    expect(JSON.stringify(policy.spec)).toContain(`'system:serviceaccount:${namespace}:gate'`);
  });

  it('of people can be left to others', async () => {
    const roles = (await render(['rbac.aggregate=false'])).filter(({ kind }) => kind === 'ClusterRole');
    expect(roles.map(({ metadata }) => metadata.name)).toEqual(['mcpcore']);
  });
});
