/** Puts the parts of a runner together. */
import type { Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redactor } from '../redaction/redactor.ts';
import { McpError } from '../api/errors.ts';
import type { ToolsMessage } from '../api/stream-protocol.ts';
import { EnvClient } from './env/client.ts';
import type { EnvState } from './env/state.ts';
import { EnvStore } from './env/store.ts';
import { HttpClient } from './http/client.ts';
import { createRunnerLog, type RunnerLog } from './log.ts';
import { buildCatalog, type Catalog } from './mcp/catalog.ts';
import { createEndpoint } from './mcp/endpoint.ts';
import { createHttpServer } from './mcp/http-server.ts';
import type { Redact } from './mcp/result.ts';
import { ChildPool, type PoolOptions } from './tools/pool.ts';

export interface RunnerOptions {
  url: string;
  namespace: string;
  server: string;
  identityDir: string;
  pool: PoolOptions;
  redactor: Pick<Redactor, 'setValues' | 'redactText'>;
  out: { write(line: string): unknown };
  version: string;
}

export interface Runner {
  /** Serves `/mcp`, `/healthz` and `/readyz`; the caller listens. */
  readonly http: Server;
  readonly log: RunnerLog;
  /** Process ids of the tool processes. */
  childPids(): number[];
  start(signal: AbortSignal): Promise<void>;
  /** Turns unready, goes on for `lingerMs`, lets calls in flight finish for at most `graceMs`, then ends everything. */
  drain(times: { lingerMs: number; graceMs: number }): Promise<void>;
}

const maxRequestBytes = 4 * 1024 * 1024;

export function createRunner(options: RunnerOptions): Runner {
  const { redactor, namespace, server, pool: poolOptions } = options;
  const redact = failClosed((text) => redactor.redactText(text));
  const log = createRunnerLog(redact, options.out);
  const pool = new ChildPool(poolOptions);
  const http = new HttpClient();
  const client = new EnvClient({ ...options, wantTools: true, log });
  const store = new EnvStore({ redactor, ack: (revision) => client.ack(revision) });
  let catalog: Catalog | undefined;
  let stopping = false;

  const endpoint = createEndpoint(
    { name: server, version: options.version, maxRequestBytes },
    { executor: pool, http, env: () => current(store), log, redact, now: () => performance.now() },
  );
  const notReady = (): string | undefined => {
    if (store.current === undefined) return 'the values of the server have not arrived';
    if (catalog === undefined) return 'the tools of the server have not arrived';
    return pool.ready ? undefined : 'no tool process is running';
  };
  const listener = createHttpServer({
    endpoint,
    maxRequestBytes,
    notReady,
    stopping: () => stopping,
    onError: (problem) => log.warn({ problem }, 'MCP request failed'),
  });

  client.on('connected', () => log.info({ namespace, server }, 'env stream connected'));
  client.on('env', (state) => {
    try {
      store.apply(state);
    } catch {
      // The error is left out: it can quote a value that the redactor has just failed to learn.
      log.error({ revision: state.revision }, 'the values cannot be redacted and are not used');
      return;
    }
    log.info({ revision: state.revision, keys: Object.keys(state.values).length }, 'values in use');
  });
  client.on('tools', (message: ToolsMessage) => {
    catalog = buildCatalog(message.tools, message.generation);
    for (const { tool, problem } of catalog.problems) log.error({ tool, problem }, 'tool left out');
    endpoint.setCatalog(catalog);
    log.info({ generation: message.generation, tools: catalog.tools.size }, 'tools in use');
  });

  return {
    http: listener.server,
    log,
    childPids: () => pool.pids(),
    async start(signal) {
      client.start(signal);
      await pool.start();
    },
    async drain({ lingerMs, graceMs }) {
      stopping = true;
      // Until every node knows that this pod takes no more calls, some still arrive: they are answered.
      await delay(lingerMs);
      const closed = new Promise((resolve) => listener.server.close(resolve));
      await Promise.race([listener.idle(), delay(graceMs, undefined, { ref: false })]);
      await endpoint.handler.close();
      listener.server.closeAllConnections();
      await closed;
      pool.close();
      await http.close();
    },
  };
}

/** Redaction that fails shows nothing: neither the text nor an error that might quote a value. */
export function failClosed(redact: Redact): Redact {
  return (text) => {
    try {
      return redact(text);
    } catch {
      return '[not shown: redaction failed]';
    }
  };
}

function current(store: EnvStore): EnvState {
  if (store.current === undefined) throw new McpError('NotReady', { what: 'the values of the server' });
  return store.current;
}
