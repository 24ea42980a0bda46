/** The check of pod templates itself: it passes the chart's pod and sees each thing that the standard forbids. */
import { beforeAll, expect, it } from 'vitest';
import { find, render, type PodSpec } from './helm.ts';
import { restrictedViolations } from './pod-security.ts';

let pod: PodSpec;

beforeAll(async () => {
  pod = find(await render(), 'Deployment').spec.template.spec;
});

it.each<[string, (spec: PodSpec) => void]>([
  ['hostNetwork', (spec) => (spec['hostNetwork'] = true)],
  ['hostPath', (spec) => (spec.volumes = [{ name: 'v', hostPath: { path: '/' } }])],
  ['operator: privileged', ({ containers }) => (containers[0]!.securityContext!['privileged'] = true)],
  [
    'operator: allowPrivilegeEscalation',
    ({ containers }) => {
      delete containers[0]!.securityContext!['allowPrivilegeEscalation'];
    },
  ],
  ['operator: runAsNonRoot', ({ containers }) => (containers[0]!.securityContext!['runAsNonRoot'] = false)],
  ['operator: runAsUser', ({ securityContext }) => (securityContext!['runAsUser'] = 0)],
  [
    'operator: seccompProfile',
    ({ securityContext }) => (securityContext!.seccompProfile = { type: 'Unconfined' }),
  ],
  ['operator: capabilities.drop', ({ containers }) => (containers[0]!.securityContext!.capabilities = {})],
  [
    'operator: capabilities.add',
    ({ containers }) => {
      containers[0]!.securityContext!.capabilities = { drop: ['ALL'], add: ['SYS_ADMIN'] };
    },
  ],
  ['operator: hostPort', ({ containers }) => (containers[0]!.ports![0]!.hostPort = 80)],
])('sees %s', (violation, change) => {
  const changed = structuredClone(pod);
  change(changed);
  expect(restrictedViolations(changed)).toEqual([violation]);
});
