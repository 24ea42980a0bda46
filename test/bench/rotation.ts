/** Rotation through mcpcore: a client that calls a tool without pause, and a value that changes under it. */
import { randomBytes } from 'node:crypto';
import type { KubeObject } from '../../src/api/object-meta.ts';
import { mcpSecrets } from '../../src/kube/resources.ts';
import { mcpSecret, mcpServer } from '../support/fixtures.ts';
import type { Installation } from '../support/install.ts';
import { connectMcp, type McpSession } from '../support/mcp.ts';
import { runnerReady } from '../support/runner-ready.ts';

/** Times in ms from the API server's answer to the first tool result that shows the new value. */
export async function ownRotation(site: Installation, namespace: string, n: number): Promise<number[]> {
  const tool = { name: 'read', code: 'return env.PLAIN ?? "";' };
  const server = mcpServer(namespace, 'bench') as KubeObject & { spec: object };
  await site.kubectl(['apply', '-f', '-'], JSON.stringify({ ...server, spec: { tools: [tool] } }));
  const secret = mcpSecret(namespace, 'bench', 'bench', { PLAIN: 'start' }) as KubeObject & { spec: object };
  const listed = { ...secret, spec: { ...secret.spec, unredacted: ['PLAIN'] } };
  await site.kubectl(['apply', '-f', '-'], JSON.stringify(listed));
  await runnerReady(site.kubectl, namespace, 'bench', site.image);
  const forward = await site.portForward(namespace, 'svc/mcp-bench', 80);
  const session = await connectMcp(forward.url);
  const samples: number[] = [];
  try {
    for (let round = 0; round < n; round += 1) {
      const value = randomBytes(12).toString('hex');
      await site.client.patch(
        mcpSecrets,
        'bench',
        namespace,
        { spec: { values: { PLAIN: value } } },
        'merge',
      );
      const acknowledged = performance.now();
      await callUntil(session, value);
      samples.push(performance.now() - acknowledged);
    }
  } finally {
    await session.close();
    await forward.close();
  }
  return samples;
}

/** Calls without pause until the tool returns the value. */
async function callUntil(session: McpSession, value: string): Promise<void> {
  const until = performance.now() + 30_000;
  while ((await session.call('read')) !== value) {
    if (performance.now() > until) throw new Error('the new value did not arrive within 30 s');
  }
}
