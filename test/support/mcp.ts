/** The official MCP client, as a user's program would use it. */
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

export interface McpSession {
  /** Calls a tool and gives the text of its answer. */
  call(name: string, args?: Record<string, unknown>): Promise<string>;
  tools(): Promise<string[]>;
  close(): Promise<void>;
}

/** Connects to an MCP endpoint. */
export async function connectMcp(url: string): Promise<McpSession> {
  const client = new Client({ name: 'mcpcore-test', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL('/mcp', url)));
  return {
    call: async (name, args = {}) => {
      const result = await client.callTool({ name, arguments: args });
      return (result.content as { type: string; text?: string }[]).map((part) => part.text ?? '').join('');
    },
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    close: () => client.close(),
  };
}
