/** What the pod webhook adds, what it leaves, and what it refuses. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { componentLabel, containersAnnotation, serverLabel } from '../../../src/api/names.ts';
import type { Container, Pod } from '../../../src/gateway/admission/pod-object.ts';
import { reviewPod, type PodReviewDeps } from '../../../src/gateway/admission/pod.ts';
import { patched, request } from './given.ts';

const deps: PodReviewDeps = { streamUrl: 'wss://mcpcore.mcpcore-system.svc:8444', runtimeImage: 'mcpcore:1' };

function pod(spec: Partial<Pod['spec']> = {}, metadata: object = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: { [serverLabel]: 'tools' }, ...metadata },
    spec: {
      containers: [{ name: 'main', image: 'python', command: ['python', 'main.py'], args: ['-v'] }],
      ...spec,
    },
  };
}

const injected = (object: Pod, more: Partial<PodReviewDeps> = {}): Pod =>
  patched(object, reviewPod(request(object), { ...deps, ...more }).patch);

const refusal = (object: Pod, more: Partial<PodReviewDeps> = {}): unknown => {
  try {
    reviewPod(request(object), { ...deps, ...more });
    return undefined;
  } catch (error) {
    return error;
  }
};

describe("a user's pod", () => {
  it('gets identity, runtime and launcher, and keeps its arguments', () => {
    const { spec } = injected(pod());
    expect(spec.serviceAccountName).toBe('mcp-tools');
    expect(spec.volumes?.map(({ name }) => name)).toEqual([
      'mcpcore-identity',
      'mcpcore-runtime',
      'mcpcore-run',
    ]);
    expect(spec.volumes?.[0]).toMatchObject({
      projected: {
        sources: [
          { serviceAccountToken: { audience: 'mcpcore.dev/env', expirationSeconds: 3600, path: 'token' } },
          { configMap: { name: 'mcpcore-ca' } },
        ],
      },
    });
    expect(spec.containers[0]).toMatchObject({
      command: [
        '/var/run/mcpcore/runtime/node',
        '/var/run/mcpcore/runtime/launcher.mjs',
        '--',
        'python',
        'main.py',
      ],
      args: ['-v'],
      env: [
        { name: 'MCPCORE_URL', value: deps.streamUrl },
        { name: 'MCPCORE_NAMESPACE', value: 'team-a' },
        { name: 'MCPCORE_SERVER', value: 'tools' },
        { name: 'MCPCORE_SOCKET', value: '/var/run/mcpcore/run/env-main.sock' },
        { name: 'NODE_OPTIONS', value: '--import=/var/run/mcpcore/runtime/preload.mjs' },
      ],
    });
    expect(spec.initContainers).toHaveLength(1);
    expect(spec.initContainers?.[0]).toMatchObject({
      name: 'mcpcore-runtime',
      image: 'mcpcore:1',
      securityContext: {
        allowPrivilegeEscalation: false,
        runAsNonRoot: true,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      },
    });
  });

  it('mounts identity and runtime read-only', () => {
    const mounts = injected(pod()).spec.containers[0]?.volumeMounts ?? [];
    expect(mounts.filter(({ readOnly }) => readOnly).map(({ mountPath }) => mountPath)).toEqual([
      '/var/run/mcpcore/identity',
      '/var/run/mcpcore/runtime',
    ]);
  });

  it('keeps what the user set, and puts the install first', () => {
    const container: Container = {
      name: 'main',
      command: ['node', 'main.js'],
      env: [
        { name: 'MINE', value: '1' },
        { name: 'NODE_OPTIONS', value: '--max-old-space-size=64' },
      ],
      volumeMounts: [{ name: 'data', mountPath: '/data' }],
    };
    const object = pod({
      containers: [container],
      initContainers: [{ name: 'migrate' }],
      volumes: [{ name: 'data', emptyDir: {} }],
    });
    const { spec } = injected(object);
    expect(spec.initContainers?.map(({ name }) => name)).toEqual(['mcpcore-runtime', 'migrate']);
    expect(spec.volumes?.[0]).toEqual({ name: 'data', emptyDir: {} });
    expect(spec.containers[0]?.volumeMounts?.[0]).toEqual({ name: 'data', mountPath: '/data' });
    expect(spec.containers[0]?.env?.slice(0, 2)).toEqual([
      { name: 'MINE', value: '1' },
      {
        name: 'NODE_OPTIONS',
        value: '--max-old-space-size=64 --import=/var/run/mcpcore/runtime/preload.mjs',
      },
    ]);
  });

  it('cannot say whom it trusts or who it is', () => {
    const env = [
      { name: 'MCPCORE_URL', value: 'wss://elsewhere' },
      { name: 'MCPCORE_SERVER', valueFrom: { fieldRef: {} } },
      { name: 'MCPCORE_URL', value: 'wss://again' },
    ];
    const object = pod({ containers: [{ name: 'main', command: ['x'], env }] });
    const result = injected(object).spec.containers[0]?.env ?? [];
    const of = (name: string) => result.filter((entry) => entry.name === name);
    expect(of('MCPCORE_URL').map(({ value }) => value)).toEqual([deps.streamUrl, deps.streamUrl]);
    expect(of('MCPCORE_SERVER')).toEqual([{ name: 'MCPCORE_SERVER', value: 'tools' }]);
  });

  it('is changed only in the containers that its annotation names', () => {
    const containers = [
      { name: 'main', command: ['a'] },
      { name: 'proxy', image: 'envoy' },
    ];
    const annotations = { [containersAnnotation]: ' main , main' };
    const { spec } = injected(pod({ containers }, { annotations }));
    expect(spec.containers[0]?.command?.at(-1)).toBe('a');
    expect(spec.containers[0]?.volumeMounts).toHaveLength(3);
    expect(spec.containers[1]).toEqual({ name: 'proxy', image: 'envoy' });
  });

  it('gets its identity alone while there is no runtime for it', () => {
    const { runtimeImage: _, ...without } = deps;
    const object = pod();
    const { spec } = patched(object, reviewPod(request(object), without).patch);
    expect(spec.volumes?.map(({ name }) => name)).toEqual(['mcpcore-identity']);
    expect(spec.initContainers).toBeUndefined();
    expect(spec.containers[0]?.command).toEqual(['python', 'main.py']);
  });
});

describe('the runner', () => {
  const metadata = {
    labels: { [serverLabel]: 'tools', [componentLabel]: 'runner' },
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'u', controller: true }],
  };

  it('gets its identity and nothing else', () => {
    const object = pod({ serviceAccountName: 'mcp-tools' }, metadata);
    const { spec } = injected(object);
    expect(spec.volumes).toHaveLength(1);
    expect(spec.initContainers).toBeUndefined();
    expect(spec.containers[0]?.command).toEqual(['python', 'main.py']);
    expect(spec.containers[0]?.env?.map(({ name }) => name)).toEqual([
      'MCPCORE_URL',
      'MCPCORE_NAMESPACE',
      'MCPCORE_SERVER',
    ]);
  });

  it('is not whoever merely carries its label', () => {
    expect(injected(pod({}, { labels: metadata.labels })).spec.initContainers).toHaveLength(1);
  });
});

describe('left alone', () => {
  it('is a pod without the label, and an update', () => {
    expect(reviewPod(request(pod({}, { labels: {} })), deps)).toEqual({});
    expect(reviewPod(request(pod(), pod()), deps)).toEqual({});
  });

  it('is what is there already, also after the API server filled in its defaults', () => {
    const first = injected(pod());
    const defaulted = structuredClone(first);
    Object.assign(defaulted.spec.volumes?.[1]?.['emptyDir'] ?? {}, { medium: '' });
    Object.assign(defaulted.spec.initContainers?.[0] ?? {}, {
      image: 'mirror.example/mcpcore:1',
      terminationMessagePath: '/dev/termination-log',
    });
    expect(reviewPod(request(defaulted), deps).patch).toEqual([]);
  });

  it('is any pod in a second pass', () => {
    const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
    const env = fc.record(
      {
        name: fc.oneof(
          fc.constantFrom('NODE_OPTIONS', 'MCPCORE_URL', 'MCPCORE_SOCKET'),
          fc.string({ minLength: 1 }),
        ),
        value: fc.string(),
      },
      { requiredKeys: ['name'] },
    );
    const mount = fc.record({ name, mountPath: fc.string({ minLength: 1 }).map((text) => `/mnt/${text}`) });
    const container = fc.record(
      {
        name,
        command: fc.array(fc.string(), { minLength: 1 }),
        args: fc.array(fc.string()),
        env: fc.array(env),
        volumeMounts: fc.array(mount),
      },
      { requiredKeys: ['name', 'command'] },
    );
    const unique = { selector: (item: { name: string }) => item.name };
    const spec = fc.record(
      {
        containers: fc.uniqueArray(container, { ...unique, minLength: 1, maxLength: 4 }),
        initContainers: fc.uniqueArray(container, unique),
        volumes: fc.uniqueArray(fc.record({ name }), unique),
        serviceAccountName: fc.constantFrom('', 'default', 'mcp-tools'),
      },
      { requiredKeys: ['containers'] },
    );
    fc.assert(
      fc.property(spec, fc.boolean(), (generated, runner) => {
        const labels = { [serverLabel]: 'tools', ...(runner && { [componentLabel]: 'runner' }) };
        const ownerReferences = [
          { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'u', controller: true },
        ];
        const object = pod(generated as Pod['spec'], { labels, ownerReferences });
        expect(reviewPod(request(injected(object)), deps).patch).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('refused', () => {
  it.each<[string, Partial<Pod['spec']>, RegExp]>([
    [
      'a foreign ServiceAccount',
      { serviceAccountName: 'builder' },
      /run as ServiceAccount mcp-tools, not builder/,
    ],
    ['the network of the node', { hostNetwork: true }, /spec\.hostNetwork/],
    ['Windows by name', { os: { name: 'windows' } }, /Linux/],
    ['Windows by selector', { nodeSelector: { 'kubernetes.io/os': 'windows' } }, /Linux/],
    [
      'a container without command',
      { containers: [{ name: 'main' }] },
      /container main has no command; set spec\.containers\[0\]\.command/,
    ],
    [
      'NODE_OPTIONS from elsewhere',
      { containers: [{ name: 'main', command: ['x'], env: [{ name: 'NODE_OPTIONS', valueFrom: {} }] }] },
      /NODE_OPTIONS from another object/,
    ],
    [
      'our volume with other content',
      { volumes: [{ name: 'mcpcore-identity', emptyDir: {} }] },
      /spec\.volumes\[0\]\.name: the name mcpcore-identity is taken/,
    ],
    [
      'our init container with another command',
      { initContainers: [{ name: 'mcpcore-runtime', command: ['sh'] }] },
      /spec\.initContainers\[0\]/,
    ],
    [
      'our mount path with another volume',
      {
        containers: [
          {
            name: 'main',
            command: ['x'],
            volumeMounts: [{ name: 'data', mountPath: '/var/run/mcpcore/identity' }],
          },
        ],
      },
      /volumeMounts\[0\]\.mountPath/,
    ],
  ])('%s', (_, spec, message) => {
    expect(String(refusal(pod(spec)))).toMatch(message);
  });

  it('an annotation that names no container', () => {
    const object = pod({}, { annotations: { [containersAnnotation]: 'other' } });
    expect(String(refusal(object))).toMatch(/no container named "other"/);
  });

  it('a pod of a server that does not exist', () => {
    const error = refusal(pod(), {
      hasServer: (namespace, server) => `${namespace}/${server}` !== 'team-a/tools',
    });
    expect(error).toMatchObject({ code: 'ServerNotFound' });
  });
});
