/** `make demo`: the main job on a real cluster, step by step; leaves everything running. */
import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { clientToolsNote, heading, shown } from './show.ts';
import { echoServer, fingerprint, mcpSecret, mcpServer } from '../support/fixtures.ts';
import { streamProtocol } from '../../src/api/stream-protocol.ts';
import { install } from '../support/install.ts';
import { runnerReady } from '../support/runner-ready.ts';
import { connectMcp } from '../support/mcp.ts';
import { waitFor } from '../support/wait.ts';

const namespace = 'mcpcore-demo';
const token = (name: string) => `ghp_${name}_${randomBytes(12).toString('hex')}`;

heading('A cluster, the image, and mcpcore by helm');
const { kubectl, portForward, image, client } = await install();
const apply = (object: object) => kubectl(['apply', '-f', '-'], JSON.stringify(object));

heading('Two servers in one namespace; the first has a secret');
await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
const [first, second] = [token('first'), token('second')];
for (const object of echoServer(namespace, image)) await apply(object);
for (const name of ['github', 'other']) await apply(mcpServer(namespace, name));
await apply(mcpSecret(namespace, 'github', 'github', { GITHUB_TOKEN: first }));
await kubectl(['rollout', 'status', '-n', namespace, 'deployment/echo', '--timeout=120s']);
for (const name of ['github', 'other']) await runnerReady(kubectl, namespace, name, image);
shown(
  'what is stored',
  (await kubectl(['get', '-n', namespace, 'mcpsec', 'github', '-o', 'jsonpath={.spec.values}'])).slice(
    0,
    72,
  ) + '…',
);
const stored = await kubectl(['get', 'mcpsec,mcpenv,pods', '-n', namespace, '-o', 'yaml']);
assert(!stored.includes(first), 'an object holds the value');

const pod = () =>
  kubectl([
    'get',
    'pods',
    '-n',
    namespace,
    '-l',
    'mcpcore.dev/server=github',
    '-o',
    'jsonpath={range .items[*]}{.metadata.uid} {.status.containerStatuses[*].restartCount}{end}',
  ]);
const before = await pod();
const [forward, otherForward] = [
  await portForward(namespace, 'svc/mcp-github', 80),
  await portForward(namespace, 'svc/mcp-other', 80),
];
try {
  const [github, other] = [await connectMcp(forward.url), await connectMcp(otherForward.url)];

  heading('A tool reads env.GITHUB_TOKEN and sends it with sdk.http');
  assert.equal(await github.call('who_am_i'), fingerprint(first));
  shown('the service got', 'the first token');
  shown('what enumeration shows', await github.call('visible'));

  heading('kubectl apply of a new value, while a call is under way');
  const inFlight = github.call('who_am_i', { delay: 3000 });
  await apply(mcpSecret(namespace, 'github', 'github', { GITHUB_TOKEN: second }));
  const changed = performance.now();
  await waitFor(
    'the next call to send the new value',
    async () => (await github.call('who_am_i')) === fingerprint(second),
  );
  shown(
    'the next call sent',
    `the second token, ${Math.round(performance.now() - changed)} ms after kubectl was done`,
  );
  assert.equal(await inFlight, fingerprint(first), 'the call under way changed its value');
  shown('the call under way sent', 'the first token, as it had started with it');
  assert.equal(await pod(), before, 'a pod was restarted or replaced');
  shown('pod UID and restarts', `${before}, as before`);

  heading('The other server in the namespace');
  assert.equal(await other.call('type_of_token'), 'undefined');
  shown('env.GITHUB_TOKEN there', 'undefined');
  const status = await foreignStream();
  assert.equal(status, '403');
  shown("its token at the first one's stream", status);

  heading('The key is deleted');
  await apply(mcpSecret(namespace, 'github', 'github', {}));
  await waitFor('the tool to see it gone', async () => (await github.call('type_of_token')) === 'undefined');
  shown('env.GITHUB_TOKEN', 'undefined');
  await apply(mcpSecret(namespace, 'github', 'github', { GITHUB_TOKEN: second }));
  await Promise.all([github.close(), other.close()]);
} finally {
  await forward.close();
  await otherForward.close();
  await client.close();
}
heading('Done. It keeps running: look at it with');
clientToolsNote(namespace);

/** Asks, from a pod of the other server and with its identity, for the first server's stream. */
async function foreignStream(): Promise<string> {
  const program = `
    const { readFileSync } = require('node:fs');
    const dir = '/var/run/mcpcore/identity/';
    require('node:https').request(process.env.MCPCORE_URL.replace('wss', 'https') + '/v1/namespaces/${namespace}/servers/github/env', {
      ca: readFileSync(dir + 'ca.crt'),
      headers: { authorization: 'Bearer ' + readFileSync(dir + 'token', 'utf8'), connection: 'Upgrade', upgrade: 'websocket',
        'sec-websocket-version': '13', 'sec-websocket-protocol': '${streamProtocol}', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' },
    }).on('upgrade', () => console.log(101)).on('response', (r) => console.log(r.statusCode)).end();`;
  const answer = await kubectl([
    'exec',
    '-n',
    namespace,
    'deployment/mcp-other',
    '--',
    '/usr/local/bin/node',
    '-e',
    program,
  ]);
  return answer.trim();
}
