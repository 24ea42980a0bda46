/** The plain HTTP listener of probes and metrics. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';

/** Starts it. `ready` says what is missing, or undefined when nothing is. */
export function startHealth(port: number, ready: () => string | undefined, registry: Registry): Server {
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    if (path === '/healthz') return response.end('ok\n');
    if (path === '/readyz') {
      const missing = ready();
      return response.writeHead(missing ? 503 : 200).end(missing ? `waiting for ${missing}\n` : 'ok\n');
    }
    if (path === '/metrics') return void answerMetrics(response, registry);
    return response.writeHead(404).end();
  });
  return server.listen(port);
}

async function answerMetrics(response: ServerResponse, registry: Registry): Promise<void> {
  try {
    const text = await registry.metrics();
    response.setHeader('content-type', registry.contentType).end(text);
  } catch {
    response.writeHead(500).end();
  }
}
