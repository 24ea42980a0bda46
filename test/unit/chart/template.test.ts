/** What the chart makes of its values. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../../src/operator/config.ts';
import { checkout } from '../../cluster/paths.ts';
import { run } from '../../cluster/process.ts';
import { chartDir, find, helm, namespace, render, type Manifest } from './helm.ts';
import { restrictedViolations } from './pod-security.ts';

const digest = `sha256:${'a'.repeat(64)}`;

/** Options as people combine them. */
const combinations: Record<string, string[]> = {
  defaults: [],
  'a single replica': ['replicas=1', 'podDisruptionBudget.enabled=false'],
  monitored: ['serviceMonitor.enabled=true', 'networkPolicy.metricsFrom=[{"podSelector":{}}]'],
  bare: ['crds.install=false', 'rbac.aggregate=false', 'networkPolicy.enabled=false'],
  placed: [
    'nodeSelector={"pool":"system"}',
    'tolerations=[{"operator":"Exists"}]',
    'affinity={"nodeAffinity":{}}',
    'priorityClassName="system-cluster-critical"',
  ],
  labelled: [
    'commonLabels={"team":"platform"}',
    'podLabels={"mesh":"off"}',
    'podAnnotations={"a/b":"c"}',
    'serviceAccount.annotations={"cloud/role":"r"}',
  ],
  'a private image': [
    'image.repository="images.example/mcpcore"',
    `image.digest="${digest}"`,
    'imagePullSecrets=[{"name":"pull"}]',
  ],
};

const podSpecOf = (manifests: readonly Manifest[]) => find(manifests, 'Deployment').spec.template.spec;
const operatorOf = (manifests: readonly Manifest[]) => podSpecOf(manifests).containers[0]!;
const sameIdentity = (a: Manifest, b: Manifest) =>
  a.kind === b.kind && a.metadata.name === b.metadata.name && a.metadata.namespace === b.metadata.namespace;

describe.each(Object.entries(combinations))('with %s', (_, values) => {
  it('lints', async () => {
    const settings = values.flatMap((value) => ['--set-json', value]);
    await expect(helm('lint', '--strict', chartDir, ...settings)).resolves.toContain('0 chart(s) failed');
  });

  it('renders objects that are named, labelled and distinct', async () => {
    const manifests = await render(values);
    for (const manifest of manifests) {
      expect(manifest.metadata.labels, manifest.metadata.name).toMatchObject({
        'app.kubernetes.io/name': 'mcpcore',
        'app.kubernetes.io/instance': 'mcpcore',
        'app.kubernetes.io/managed-by': 'Helm',
      });
      expect(manifests.filter((other) => sameIdentity(manifest, other))).toHaveLength(1);
    }
  });

  it('has pods of the Pod Security Standard "restricted"', async () => {
    const workloads = (await render(values)).filter(({ spec }) => spec?.template?.spec !== undefined);
    expect(workloads.map(({ kind }) => kind)).toEqual(['Deployment']);
    for (const { spec } of workloads) expect(restrictedViolations(spec.template.spec)).toEqual([]);
  });
});

describe('the kinds', () => {
  const files = ['mcpenvironments', 'mcpsecrets', 'mcpservers'];

  it('are those of crds/, kept on uninstall', async () => {
    const manifests = await render();
    for (const file of files) {
      const source = parse(
        await readFile(join(checkout, `crds/mcpcore.dev_${file}.yaml`), 'utf8'),
      ) as Manifest;
      const rendered = find(manifests, 'CustomResourceDefinition', source.metadata.name);
      expect(rendered.spec).toEqual(source.spec);
      expect(rendered.metadata.annotations).toEqual({ 'helm.sh/resource-policy': 'keep' });
    }
    expect(manifests.filter(({ kind }) => kind === 'CustomResourceDefinition')).toHaveLength(files.length);
  });

  it('are in the package too, as files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mcpcore-chart-'));
    try {
      await helm('package', chartDir, '--destination', folder);
      const { version } = parse(await readFile(join(chartDir, 'Chart.yaml'), 'utf8')) as { version: string };
      const archive = join(folder, `mcpcore-${version}.tgz`);
      for (const file of files) {
        const name = `mcpcore.dev_${file}.yaml`;
        const packed = await run('tar', ['-xOf', archive, `mcpcore/kinds/${name}`]);
        expect(packed).toBe(await readFile(join(checkout, 'crds', name), 'utf8'));
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('can be left to others', async () => {
    const manifests = await render(['crds.install=false']);
    expect(manifests.some(({ kind }) => kind === 'CustomResourceDefinition')).toBe(false);
  });
});

describe('the operator', () => {
  it('gets an environment that it accepts, with the names of its Service and webhooks', async () => {
    const manifests = await render([], 'secrets-for-mcp');
    const name = 'secrets-for-mcp-mcpcore';
    const { env } = find(manifests, 'Deployment', name).spec.template.spec.containers[0]!;
    const fromPod = { POD_NAME: 'pod', POD_NAMESPACE: namespace };
    const config = readConfig({
      ...Object.fromEntries(env.map((entry) => [entry.name, entry.value])),
      ...fromPod,
    });
    expect(config).toMatchObject({ service: name, webhookConfiguration: name, logLevel: 'info' });
    expect(env.filter(({ value }) => value === undefined).map((entry) => entry.name)).toEqual(
      Object.keys(fromPod),
    );
    for (const kind of ['Service', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']) {
      find(manifests, kind, name);
    }
    const { ports } = find(manifests, 'Deployment', name).spec.template.spec.containers[0]!;
    expect(ports?.map(({ containerPort }) => containerPort)).toEqual(Object.values(config.ports));
    const service = find(manifests, 'Service', name).spec as unknown as {
      ports: { port: number; targetPort: string }[];
    };
    expect(service.ports.map(({ port, targetPort }) => [port, targetPort])).toEqual([
      [443, 'admission'],
      [config.ports.stream, 'stream'],
    ]);
  });

  it('runs the image of the release unless a tag or a digest says otherwise', async () => {
    const { version } = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as {
      version: string;
    };
    const cases: [string[], string][] = [
      [[], `mcpcore:${version}`],
      [['image.tag="edge"'], 'mcpcore:edge'],
      [['image.tag="edge"', `image.digest="${digest}"`], `mcpcore@${digest}`],
    ];
    for (const [values, image] of cases) {
      const operator = operatorOf(await render(values));
      expect(operator.image).toBe(image);
      // Runners and init copies have to be of the same version as the operator.
      expect(operator.env.find(({ name }) => name === 'MCPCORE_IMAGE')?.value).toBe(image);
    }
  });

  it('has two replicas that are spread, and never goes below one when nodes drain', async () => {
    const manifests = await render();
    expect(find(manifests, 'Deployment').spec).toMatchObject({
      replicas: 2,
      strategy: { rollingUpdate: { maxUnavailable: 0 } },
    });
    expect(find(manifests, 'PodDisruptionBudget').spec).toMatchObject({ maxUnavailable: 1 });
    expect(podSpecOf(manifests)).toHaveProperty('affinity.podAntiAffinity');
    expect(podSpecOf(manifests)).toHaveProperty(
      'topologySpreadConstraints.0.whenUnsatisfiable',
      'ScheduleAnyway',
    );
  });

  it('is selected by labels that options cannot change', async () => {
    const selector = find(await render(combinations['labelled']), 'Deployment').spec['selector'];
    expect(selector).toEqual(find(await render(), 'Deployment').spec['selector']);
    expect(Object.keys((selector as { matchLabels: object }).matchLabels)).not.toContain('team');
  });

  it('has no Secret in the release, so uninstalling keeps its keys', async () => {
    expect((await render()).some(({ kind }) => kind === 'Secret')).toBe(false);
  });
});

describe('options', () => {
  it('are the ones of values.yaml, each described by the schema', async () => {
    const schema = JSON.parse(await readFile(join(chartDir, 'values.schema.json'), 'utf8')) as Schema;
    const values = parse(await readFile(join(chartDir, 'values.yaml'), 'utf8')) as Record<string, unknown>;
    expect(
      Object.keys(schema.properties)
        .filter((key) => key !== 'global')
        .sort(),
    ).toEqual(Object.keys(values).sort());
  });

  it.each([
    ['replicas=0', 'replicas'],
    ['replicas="two"', 'replicas'],
    ['replicaCount=3', 'replicaCount'],
    ['image.tag="a b"', 'image/tag'],
    ['image.digest="md5:1"', 'image/digest'],
    ['image.pullPolicy="Sometimes"', 'image/pullPolicy'],
    ['logLevel="verbose"', 'logLevel'],
    ['admission.timeoutSeconds=31', 'admission/timeoutSeconds'],
    ['admission.failurePolicy="Ignore"', 'failurePolicy'],
    ['networkPolicy.enabled="yes"', 'networkPolicy/enabled'],
    ['resources.limits={"memory":"lots"}', 'resources/limits/memory'],
    ['fullnameOverride="Not_a_name"', 'fullnameOverride'],
    ['serviceMonitor.interval="often"', 'serviceMonitor/interval'],
  ])('refuse %s and name the field', async (value, field) => {
    await expect(render([value])).rejects.toThrow(field);
  });
});

interface Schema {
  properties: Record<string, unknown>;
}
