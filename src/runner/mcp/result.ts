/** From what tool code returned or threw to an MCP result. Every text in it passes redaction. */
import { isCallToolResult, type CallToolResult } from '@modelcontextprotocol/server';
import type { ToolError, ToolOutcome } from '../tools/executor.ts';
import type { CatalogTool } from './catalog.ts';

export type Redact = (text: string) => string;

/**
 * The result of a call that ran.
 *
 * A text stays text, anything else becomes JSON text; with an outputSchema it is `structuredContent` too. An object
 * with a `content` list of MCP blocks (images, resources …) is taken as the result itself.
 */
export function toCallToolResult(outcome: ToolOutcome, tool: CatalogTool, redact: Redact): CallToolResult {
  if (outcome.error !== undefined) return errorResult(describeToolError(outcome.error), redact);
  if (outcome.result === undefined) return { content: [] };
  const value: unknown = JSON.parse(outcome.result);
  if (tool.description.outputSchema !== undefined) return structured(value, tool, redact);
  const redacted = redactDeep(value, redact);
  if (isMcpResult(redacted)) return redacted;
  return { content: [textBlock(redacted, redact)] };
}

/** A failure as the caller sees it. */
export function errorResult(message: string, redact: Redact): CallToolResult {
  return { content: [{ type: 'text', text: redact(message) }], isError: true };
}

/** `TypeError: … (line 3)`; the line is one of the tool's own code. */
export function describeToolError({ name, message, frames }: ToolError): string {
  const line = frames[0]?.split(':')[0];
  return `${name === 'Error' ? '' : `${name}: `}${message}${line === undefined ? '' : ` (line ${line})`}`;
}

/** Applies `redact` to every string in a JSON value, names of fields included. */
export function redactDeep(value: unknown, redact: Redact): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map((item) => redactDeep(item, redact));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [redact(name), redactDeep(item, redact)]),
  );
}

function structured(value: unknown, tool: CatalogTool, redact: Redact): CallToolResult {
  const problem = tool.outputProblem(value);
  if (problem !== undefined) {
    return errorResult(
      `the tool returned something that its outputSchema does not allow: ${problem}`,
      redact,
    );
  }
  const redacted = redactDeep(value, redact) as Record<string, unknown>;
  return { content: [textBlock(redacted, redact)], structuredContent: redacted };
}

function textBlock(value: unknown, redact: Redact): { type: 'text'; text: string } {
  return { type: 'text', text: typeof value === 'string' ? value : redact(JSON.stringify(value)) };
}

function isMcpResult(value: unknown): value is CallToolResult {
  const content = (value as { content?: unknown } | null)?.content;
  return Array.isArray(content) && content.length > 0 && isCallToolResult(value);
}
