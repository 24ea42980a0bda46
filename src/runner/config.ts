/** The runner's settings from the environment of its process; nothing in there is secret. */
import { availableParallelism } from 'node:os';
import { McpError } from '../api/errors.ts';
import { defaultPool, type PoolOptions } from './tools/pool.ts';

export interface RunnerConfig {
  /** `wss://host:port` of the gateway. */
  url: string;
  namespace: string;
  server: string;
  port: number;
  /** Directory of the projected `token` and `ca.crt`. */
  identityDir: string;
  pool: PoolOptions;
  /** How long calls are still taken after SIGTERM, and how long they may then run on, in milliseconds. */
  drain: { lingerMs: number; graceMs: number };
}

const identityDir = '/var/run/mcpcore/identity';

/**
 * Reads MCPCORE_URL, MCPCORE_NAMESPACE and MCPCORE_SERVER, and, all optional: PORT (8080), MCPCORE_IDENTITY_DIR,
 * MCPCORE_POOL_MIN and MCPCORE_POOL_MAX (tool processes that are kept, and at most), MCPCORE_TOOL_HEAP_MIB,
 * MCPCORE_TOOL_MEMORY_MIB, MCPCORE_LINGER_MS and MCPCORE_GRACE_MS.
 *
 * @throws McpError InvalidConfiguration
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  cpus = availableParallelism(),
): RunnerConfig {
  const min = number(env, 'MCPCORE_POOL_MIN', Math.min(4, Math.max(2, cpus)));
  return {
    url: gatewayUrl(env),
    namespace: required(env, 'MCPCORE_NAMESPACE'),
    server: required(env, 'MCPCORE_SERVER'),
    port: number(env, 'PORT', 8080),
    identityDir: env['MCPCORE_IDENTITY_DIR'] ?? identityDir,
    pool: {
      ...defaultPool,
      min,
      max: Math.max(min, number(env, 'MCPCORE_POOL_MAX', 2 * min)),
      heapMiB: number(env, 'MCPCORE_TOOL_HEAP_MIB', defaultPool.heapMiB),
      rssMiB: number(env, 'MCPCORE_TOOL_MEMORY_MIB', defaultPool.rssMiB),
    },
    drain: {
      lingerMs: number(env, 'MCPCORE_LINGER_MS', 3000),
      graceMs: number(env, 'MCPCORE_GRACE_MS', 20_000),
    },
  };
}

function gatewayUrl(env: Readonly<Record<string, string | undefined>>): string {
  const text = required(env, 'MCPCORE_URL');
  if (URL.parse(text)?.protocol !== 'wss:') {
    throw new McpError('InvalidConfiguration', {
      field: 'MCPCORE_URL',
      problem: 'it must begin with wss://',
    });
  }
  return text;
}

function required(env: Readonly<Record<string, string | undefined>>, field: string): string {
  const value = env[field];
  if (value === undefined || value === '') {
    throw new McpError('InvalidConfiguration', { field, problem: 'it is not set' });
  }
  return value;
}

function number(env: Readonly<Record<string, string | undefined>>, field: string, fallback: number): number {
  const text = env[field];
  if (text === undefined || text === '') return fallback;
  if (!/^\d+$/.test(text))
    throw new McpError('InvalidConfiguration', { field, problem: 'it is no whole number' });
  return Number(text);
}
