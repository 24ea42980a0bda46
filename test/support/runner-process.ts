/** The real runner as a process, and MCP clients for it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport, type ClientOptions } from '@modelcontextprotocol/client';
import type { TestGateway } from './env-gateway.ts';
import { waitFor } from './wait.ts';

const entry = join(import.meta.dirname, '../../src/runner/main.ts');

export type Era = 'legacy' | 'modern';
export interface Answer {
  content: { type: string; text?: string }[];
  isError?: boolean;
  structuredContent?: unknown;
}

export class RunnerProcess {
  readonly child: ChildProcess;
  /** Everything on standard output and standard error so far. */
  output = '';
  #clients: Client[] = [];

  constructor(gateway: TestGateway, env: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [entry], {
      env: {
        MCPCORE_URL: gateway.url,
        MCPCORE_NAMESPACE: 'team',
        MCPCORE_SERVER: 'github-tools',
        MCPCORE_IDENTITY_DIR: gateway.identityDir,
        PORT: '0',
        MCPCORE_LINGER_MS: '0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
  }

  /** Lines of the log that are JSON. */
  lines(): Record<string, unknown>[] {
    return this.output.split('\n').flatMap((line) => {
      try {
        return [JSON.parse(line) as Record<string, unknown>];
      } catch {
        return [];
      }
    });
  }

  async address(): Promise<string> {
    const line = await waitFor('the runner to listen', () => {
      if (this.child.exitCode !== null) throw new Error(`the runner ended: ${this.output}`);
      return this.lines().find(({ message }) => message === 'listening');
    });
    return `http://127.0.0.1:${(line['address'] as { port: number }).port}`;
  }

  async get(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${await this.address()}${path}`, init);
  }

  async ready(): Promise<void> {
    await waitFor('readiness', async () => (await this.get('/readyz')).ok);
  }

  async client(era: Era, options: ClientOptions = {}): Promise<Client> {
    const mode = era === 'legacy' ? 'legacy' : { pin: '2026-07-28' };
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode }, ...options });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${await this.address()}/mcp`)));
    this.#clients.push(client);
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) await client.close().catch(() => undefined);
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}

/** Calls a tool and gives its answer. */
export async function call(
  client: Client,
  name: string,
  args: Record<string, unknown> = {},
): Promise<Answer> {
  return (await client.callTool({ name, arguments: args })) as Answer;
}

/** The one text of an answer. */
export function textOf(answer: Answer): string {
  return answer.content.map(({ text }) => text).join('');
}
