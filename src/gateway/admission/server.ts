/** Reviews McpServers: tool code has to compile and schemas have to be schemas, said at once and with the place. */
import { Script } from 'node:vm';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { McpError } from '../../api/errors.ts';
import type { McpServer } from '../../api/generated/types.ts';
import { toolSource, toolSourceLineOffset } from '../../api/tool-source.ts';
import type { AdmissionRequest, Decision } from './review.ts';

/**
 * Reviews one write.
 * @throws McpError InvalidToolCode with line and column, or InvalidObject for a schema
 */
export function reviewServer(request: AdmissionRequest<McpServer>): Decision {
  for (const [index, tool] of (request.object.spec.tools ?? []).entries()) {
    const field = `spec.tools[${index}]`;
    checkCode(tool.code, `${field}.code`);
    checkSchema(tool.inputSchema, `${field}.inputSchema`);
    checkSchema(tool.outputSchema, `${field}.outputSchema`);
  }
  return {};
}

function checkCode(code: string, field: string): void {
  try {
    void new Script(toolSource(code), { filename: 'tool.js', lineOffset: toolSourceLineOffset });
  } catch (error) {
    const { line, column } = place(error);
    const problem = error instanceof Error ? error.message : 'it does not compile';
    throw new McpError('InvalidToolCode', { field, problem, line, column });
  }
}

/** V8 writes `tool.js:LINE`, the line and a caret under the place, then the stack. */
function place(error: unknown): { line: number; column: number } {
  const [first = '', , caret = ''] = (error instanceof Error ? (error.stack ?? '') : '').split('\n');
  return { line: Number(/:(\d+)$/.exec(first)?.[1] ?? 1), column: Math.max(caret.indexOf('^'), 0) + 1 };
}

function checkSchema(schema: unknown, field: string): void {
  if (schema === undefined) return;
  try {
    new Ajv2020({ strict: false, validateFormats: false }).compile(schema as object);
  } catch {
    throw new McpError('InvalidObject', { field, problem: 'it is not a valid JSON Schema (2020-12)' });
  }
}
