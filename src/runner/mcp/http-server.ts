/** The HTTP listener of a runner: `/mcp`, `/healthz`, `/readyz`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { McpError } from '../../api/errors.ts';
import type { Endpoint } from './endpoint.ts';

export interface HttpServerOptions {
  endpoint: Endpoint;
  maxRequestBytes: number;
  /** What is missing before calls can be answered; undefined when nothing is. */
  notReady: () => string | undefined;
  /** Whether the runner is about to end: not ready, but calls are still answered. */
  stopping: () => boolean;
  onError: (problem: string) => void;
}

export interface HttpServer {
  server: Server;
  /** Resolves once no request is being answered; streams that only listen for changes do not count. */
  idle(): Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { endpoint, maxRequestBytes, notReady, stopping, onError } = options;
  const mcp = toNodeHandler(endpoint.handler, {
    maxRequestBodySize: maxRequestBytes,
    onerror: (error) => onError(error.message),
  }) as (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  const busy = new Set<ServerResponse>();
  const waiting = new Set<() => void>();
  const routes: Record<string, Handler> = {
    '/healthz': (_, response) => answer(response, 200, { ok: true }),
    '/readyz': (_, response) => {
      const what = stopping() ? 'the runner is stopping' : notReady();
      if (what === undefined) answer(response, 200, { ok: true });
      else answerError(response, new McpError('NotReady', { what }));
    },
    '/mcp': (request, response) => {
      const what = notReady();
      if (!sameHost(request)) {
        answerError(response, new McpError('ForeignOrigin'));
      } else if (what !== undefined) {
        answerError(response, new McpError('NotReady', { what }));
      } else {
        // Proxies must not hold back a stream of events.
        response.setHeader('X-Accel-Buffering', 'no');
        const over = track(request, response);
        endpoint.connection
          .run(over, () => mcp(request, response))
          .catch((error: unknown) => onError((error as Error).message));
      }
    },
  };
  /** Follows an answer to its end; the signal aborts when the client goes away before that. */
  const track = ({ headers }: IncomingMessage, response: ServerResponse): AbortSignal => {
    const over = new AbortController();
    if (headers['mcp-method'] !== 'subscriptions/listen') busy.add(response);
    response.once('close', () => {
      if (!response.writableFinished) over.abort();
      busy.delete(response);
      if (busy.size === 0) for (const resolve of waiting) resolve();
    });
    return over.signal;
  };
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
    if (route !== undefined) route(request, response);
    else answerError(response, new McpError('NotFound'));
  });
  return {
    server,
    idle: () => (busy.size === 0 ? Promise.resolve() : new Promise((resolve) => void waiting.add(resolve))),
  };
}

/**
 * Browsers name the page's origin; only pages of this very host may call. Other clients send none. This is what
 * keeps a web page from using a victim's browser to reach the server (DNS rebinding aside, which the NetworkPolicy
 * and an authenticating proxy are for).
 */
export function sameHost({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers.origin === undefined || URL.parse(headers.origin)?.host === headers.host;
}

function answerError(response: ServerResponse, error: McpError): void {
  answer(response, error.status, { code: error.code, message: error.message });
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    connection: status === 200 ? 'keep-alive' : 'close',
  });
  response.end(JSON.stringify(body));
}
