/** The objects of the demo and of the end-to-end tests. */
import { createHash } from 'node:crypto';

/** What the echo server answers for a token: it shows what arrived, and does not repeat it. */
export function fingerprint(token: string): string {
  return createHash('sha256').update(`Bearer ${token}`).digest('hex').slice(0, 16);
}

const echoProgram = `
const { createHash } = require('node:crypto');
require('node:http').createServer((request, response) => {
  const authorization = request.headers.authorization ?? '';
  const delay = Number(new URL(request.url, 'http://echo').searchParams.get('delay') ?? 0);
  const body = JSON.stringify({ fingerprint: createHash('sha256').update(authorization).digest('hex').slice(0, 16) });
  setTimeout(() => response.setHeader('content-type', 'application/json').end(body), delay);
}).listen(8080);`;

/** An HTTP server in the cluster that answers with a fingerprint of the Authorization header. */
export function echoServer(namespace: string, image: string): object[] {
  const labels = { app: 'echo' };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'echo', namespace },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            containers: [{ name: 'echo', image, command: ['/usr/local/bin/node', '-e', echoProgram] }],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'echo', namespace },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ];
}

const tools = [
  {
    name: 'who_am_i',
    description: 'Calls an HTTP service with the token.',
    inputSchema: { type: 'object', properties: { delay: { type: 'number' } }, additionalProperties: false },
    code: [
      'const res = await sdk.http({',
      "  method: 'GET',",
      "  url: 'http://echo/?delay=' + (args.delay ?? 0),",
      '  headers: { Authorization: `Bearer ${env.GITHUB_TOKEN}` },',
      '});',
      'return res.json().fingerprint;',
    ].join('\n'),
  },
  {
    name: 'type_of_token',
    description: 'Says whether the token is set.',
    code: 'return typeof env.GITHUB_TOKEN;',
  },
  {
    name: 'visible',
    description: 'Says what enumeration shows of the environment.',
    code: 'return JSON.stringify([Object.keys(env), { ...env }, JSON.stringify(env), typeof env.constructor]);',
  },
];

/** A server with three tools that read GITHUB_TOKEN. */
export function mcpServer(namespace: string, name: string): object {
  return {
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpServer',
    metadata: { name, namespace },
    spec: { tools },
  };
}

/** Values of a server. */
export function mcpSecret(
  namespace: string,
  name: string,
  server: string,
  values: Record<string, string>,
): object {
  return {
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpSecret',
    metadata: { name, namespace },
    spec: { server, values },
  };
}
