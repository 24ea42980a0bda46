/** The plain HTTP listener of probes and metrics. */
import { createServer, type Server } from 'node:http';
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
    if (path === '/metrics') {
      return registry.metrics().then(
        (text) => response.setHeader('content-type', registry.contentType).end(text),
        () => response.writeHead(500).end(),
      );
    }
    return response.writeHead(404).end();
  });
  return server.listen(port);
}
