/** The operator's settings, read once from the environment that the chart sets. */
import { McpError } from '../api/errors.ts';

export interface OperatorConfig {
  /** Identity of this replica: its pod's name. */
  podName: string;
  /** The operator's own namespace, which holds its keyring. */
  namespace: string;
  /** Image of the runner and of the init container that copies the runtime. */
  image: string;
  /** Name of the gateway's Service in `namespace`. */
  service: string;
  /** Prefix of the webhook configurations that get the certificate authority. */
  webhookConfiguration: string;
  logLevel: string;
  ports: { admission: number; stream: number; health: number };
}

/** Reads the configuration. Throws InvalidConfiguration that names the missing variable. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): OperatorConfig {
  return {
    podName: required(env, 'POD_NAME'),
    namespace: required(env, 'POD_NAMESPACE'),
    image: required(env, 'MCPCORE_IMAGE'),
    service: env['MCPCORE_SERVICE'] ?? 'mcpcore',
    webhookConfiguration: env['MCPCORE_WEBHOOK_CONFIGURATION'] ?? env['MCPCORE_SERVICE'] ?? 'mcpcore',
    logLevel: env['MCPCORE_LOG_LEVEL'] ?? 'info',
    ports: {
      admission: port(env, 'MCPCORE_ADMISSION_PORT', 8443),
      stream: port(env, 'MCPCORE_STREAM_PORT', 8444),
      health: port(env, 'MCPCORE_HEALTH_PORT', 8080),
    },
  };
}

/** Where pods reach the env stream. */
export function streamUrl(config: Pick<OperatorConfig, 'service' | 'namespace' | 'ports'>): string {
  return `wss://${config.service}.${config.namespace}.svc:${config.ports.stream}`;
}

function required(env: Readonly<Record<string, string | undefined>>, name: string): string {
  const value = env[name];
  if (!value) throw new McpError('InvalidConfiguration', { field: name, problem: 'is not set' });
  return value;
}

function port(env: Readonly<Record<string, string | undefined>>, name: string, fallback: number): number {
  const text = env[name];
  if (text === undefined) return fallback;
  const value = Number(text);
  // Digits alone: Number() reads an empty text as 0, which would listen on a port that nobody knows.
  if (!/^\d+$/.test(text) || value > 65_535) {
    throw new McpError('InvalidConfiguration', { field: name, problem: 'is not a port number' });
  }
  return value;
}
