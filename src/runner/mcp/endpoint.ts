/** The MCP side: protocol 2026-07-28 and the 2025 revisions, both stateless, over the tools of the catalogue. */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  createMcpHandler,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type McpHttpHandler,
  type ServerContext,
} from '@modelcontextprotocol/server';
import type { Progress } from '../tools/executor.ts';
import { callTool, type CallDeps } from './call.ts';
import type { Catalog } from './catalog.ts';

export interface EndpointOptions {
  /** Name of the McpServer, which clients show. */
  name: string;
  version: string;
  /** Largest body of a request, in bytes. */
  maxRequestBytes: number;
}

export interface Endpoint {
  handler: McpHttpHandler;
  /**
   * Carries the signal of the HTTP request to the calls within: an answer that nobody can receive any more is not
   * worked on, whichever revision of the protocol the client speaks.
   */
  connection: AsyncLocalStorage<AbortSignal>;
  /** Replaces the tools and tells clients that listen for it. */
  setCatalog(catalog: Catalog): void;
}

/** How long clients may keep `tools/list`, in milliseconds: short, since a change is announced only to listeners. */
const listTtlMs = 5000;

export function createEndpoint(options: EndpointOptions, deps: CallDeps): Endpoint {
  let catalog: Catalog = { generation: 0, tools: new Map(), problems: [] };
  const connection = new AsyncLocalStorage<AbortSignal>();
  const handler = createMcpHandler(
    () => {
      const server = new Server(
        { name: options.name, version: options.version },
        {
          capabilities: { tools: { listChanged: true } },
          cacheHints: { 'tools/list': { ttlMs: listTtlMs, cacheScope: 'public' } },
        },
      );
      server.setRequestHandler('tools/list', () => ({
        tools: [...catalog.tools.values()].map(({ description }) => description),
      }));
      server.setRequestHandler('tools/call', async ({ params }, context) => {
        const tool = catalog.tools.get(params.name);
        if (tool === undefined) {
          throw new ProtocolError(ProtocolErrorCode.InvalidParams, `there is no tool ${params.name}`);
        }
        const gone = connection.getStore();
        const { signal } = context.mcpReq;
        return callTool(
          {
            tool,
            args: params.arguments ?? {},
            signal: gone ? AbortSignal.any([gone, signal]) : signal,
            progress: progressOf(context),
          },
          deps,
        );
      });
      return server;
    },
    {
      maxRequestBodySize: options.maxRequestBytes,
      onerror: (error) => deps.log.warn({ problem: error.message }, 'MCP request rejected'),
    },
  );
  return {
    handler,
    connection,
    setCatalog(next) {
      catalog = next;
      handler.notify.toolsChanged();
    },
  };
}

/** Sends progress to clients that asked for it; a client that is gone is no error of the tool. */
function progressOf({ mcpReq }: ServerContext): (update: Progress) => void {
  const { _meta: meta } = mcpReq;
  const progressToken = meta?.progressToken;
  if (progressToken === undefined) return () => undefined;
  return (update) => {
    mcpReq
      .notify({ method: 'notifications/progress', params: { ...update, progressToken } })
      .catch(() => undefined);
  };
}
