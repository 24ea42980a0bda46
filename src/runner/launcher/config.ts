/** The launcher's settings, from its command line and the environment that the pod webhook sets. */
import { McpError } from '../../api/errors.ts';
import { identityDir } from '../../api/names.ts';

export interface LauncherConfig {
  /** `wss://host:port` of the gateway. */
  url: string;
  namespace: string;
  server: string;
  /** Directory of the projected `token` and `ca.crt`. */
  identityDir: string;
  /** Unix socket over which the program's Node processes get the values. */
  socketPath: string;
  command: string;
  args: string[];
}

/**
 * Reads MCPCORE_URL, MCPCORE_NAMESPACE, MCPCORE_SERVER, MCPCORE_SOCKET and, optional, MCPCORE_IDENTITY_DIR.
 *
 * @param argv what follows the launcher's own path: `-- command args…`
 * @throws McpError InvalidConfiguration
 */
export function readLauncherConfig(
  env: Readonly<Record<string, string | undefined>>,
  argv: readonly string[],
): LauncherConfig {
  const [command, ...args] = argv[0] === '--' ? argv.slice(1) : argv;
  if (!command) throw invalid('command', 'there is none; write: launcher -- command arguments');
  const url = required(env, 'MCPCORE_URL');
  if (URL.parse(url)?.protocol !== 'wss:') throw invalid('MCPCORE_URL', 'it must begin with wss://');
  return {
    url,
    namespace: required(env, 'MCPCORE_NAMESPACE'),
    server: required(env, 'MCPCORE_SERVER'),
    identityDir: env['MCPCORE_IDENTITY_DIR'] ?? identityDir,
    socketPath: required(env, 'MCPCORE_SOCKET'),
    command,
    args,
  };
}

function required(env: Readonly<Record<string, string | undefined>>, field: string): string {
  const value = env[field];
  if (value === undefined || value === '') throw invalid(field, 'it is not set');
  return value;
}

function invalid(field: string, problem: string): McpError {
  return new McpError('InvalidConfiguration', { field, problem });
}
