/** The kinds as a real API server sees them: accepted, explained, and closed to plaintext without any webhook. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFile } from 'node:fs/promises';
import { startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';

let plane: ControlPlane;

beforeAll(async () => {
  plane = await startControlPlane({ audit: true });
  await plane.installCrds();
});

afterAll(async () => {
  await plane?.stop();
});

function secret(value: unknown, name = 'plain'): string {
  return JSON.stringify({
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpSecret',
    metadata: { name, namespace: 'default' },
    spec: { server: 'tools', values: { TOKEN: value } },
  });
}

const apply = (text: string) => plane.kubectl(['apply', '--server-side', '-f', '-'], text);

describe('kinds', () => {
  it.each([
    ['mcpservers.spec.tools.code', 'Body of an async JavaScript function'],
    ['mcpsecrets.spec.values', 'Values by key; tool code reads them as env.KEY'],
    ['mcpenvironments.spec.revision', 'Grows by one with each change'],
  ])('explains %s', async (field, text) => {
    expect((await plane.kubectl(['explain', field])).replaceAll(/\s+/g, ' ')).toContain(text);
  });

  it('refuses an McpServer whose name leaves no room for the names of its pods', async () => {
    const server = (name: string) =>
      JSON.stringify({
        apiVersion: 'mcpcore.dev/v1alpha1',
        kind: 'McpServer',
        metadata: { name, namespace: 'default' },
        spec: {},
      });
    await apply(server('a'.repeat(49)));
    await expect(apply(server('a'.repeat(50)))).rejects.toThrow('at most 49 characters');
  });
});

describe('a McpSecret without the webhook', () => {
  it('stores a sealed value', async () => {
    await expect(apply(secret('mcps1.k1.AAAA', 'sealed'))).resolves.toContain('serverside-applied');
  });

  it('keeps spec.server as it was', async () => {
    await apply(secret('mcps1.k1.AAAA', 'moved'));
    const moved = secret('mcps1.k1.AAAA', 'moved').replace('"tools"', '"others"');
    await expect(apply(moved)).rejects.toThrow('spec.server is immutable');
  });

  it.each([
    ['text', 'opensesame-5150'],
    ['an integer', 51507733],
    ['empty text', ''],
  ])('refuses %s and does not repeat it', async (_, value) => {
    const problem = await apply(secret(value)).then(
      () => 'accepted',
      (error: unknown) => String(error),
    );
    expect(problem).toContain("mcpcore's admission webhook did not seal them");
    if (value !== '') expect(problem).not.toContain(String(value));
  });

  it('leaves no trace of a refused value in etcd or in a log', async () => {
    const value = 'traceless-8812-traceless';
    await expect(apply(secret(value))).rejects.toThrow('did not seal');
    const files = [
      `${plane.etcdDir}/member/wal/0000000000000000-0000000000000000.wal`,
      `${plane.etcdDir}/member/snap/db`,
    ];
    for (const file of [...files, plane.apiserverLog, plane.auditLog]) {
      expect((await readFile(file)).includes(value), file).toBe(false);
    }
    expect((await readFile(files[0]!)).includes('mcps1.k1.AAAA')).toBe(true);
  });
});

describe('the control plane', () => {
  it('knows other users and gives them only what RBAC grants', async () => {
    const kubeconfig = await plane.kubeconfigFor('visitor');
    const asVisitor = plane.kubectl(['--kubeconfig', kubeconfig, 'get', 'mcpsecrets', '-A']);
    await expect(asVisitor).rejects.toThrow('User "visitor" cannot list resource "mcpsecrets"');
  });

  it('keeps its data over a crash of the API server', async () => {
    await apply(secret('mcps1.k1.AAAA', 'kept'));
    await plane.killApiServer();
    await expect(plane.kubectl(['get', 'mcpsecret', 'kept'])).rejects.toThrow();
    await plane.startApiServer();
    await expect(plane.kubectl(['get', 'mcpsecret', 'kept'])).resolves.toContain('kept');
  });
});
