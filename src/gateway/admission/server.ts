/** Reviews McpServers: tool code has to compile and schemas have to be schemas, said at once and with the place. */
import { Script } from 'node:vm';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { McpError } from '../../api/errors.ts';
import type { McpServer } from '../../api/generated/types.ts';
import { serviceAccountName } from '../../api/names.ts';
import { toolSource, toolSourceLineOffset } from '../../api/tool-source.ts';
import type { AdmissionRequest, Decision } from './review.ts';

/** Most bytes of `spec.tools` as JSON: the object has to fit in etcd, with the status and managed fields beside it. */
const maxToolsBytes = 1024 * 1024;
/** RFC 1123; a Service, a ServiceAccount and a label are named after the server. */
const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
/** Compiles a body apart from its wrapper, so that one that closes the wrapper's brace is found out. Never called. */
const AsyncFunction = (async () => undefined).constructor as new (...source: string[]) => unknown;

/**
 * Reviews one write.
 * @throws McpError InvalidToolCode with line and column, or InvalidObject for a name, a schema or too many bytes
 */
export function reviewServer(request: AdmissionRequest<McpServer>): Decision {
  const { metadata, spec } = request.object;
  checkName(metadata.name);
  const tools = spec.tools ?? [];
  checkSize(tools);
  const ajv = new Ajv2020({ strict: false, validateFormats: false, addUsedSchema: false, logger: false });
  for (const [index, tool] of tools.entries()) {
    const field = `spec.tools[${index}]`;
    checkCode(tool.code, `${field}.code`);
    checkSchema(ajv, tool.inputSchema, `${field}.inputSchema`);
    checkSchema(ajv, tool.outputSchema, `${field}.outputSchema`);
  }
  return {};
}

/** A name that Kubernetes will generate is not known yet; that of the objects made from it is checked later. */
function checkName(name: string | undefined): void {
  if (!name || dnsLabel.test(name)) return;
  const field = 'metadata.name';
  const problem = `only a-z, 0-9 and - are allowed, because ${serviceAccountName(name)} names a Service and a ServiceAccount`;
  throw new McpError('InvalidObject', { field, problem });
}

function checkSize(tools: readonly unknown[]): void {
  const bytes = Buffer.byteLength(JSON.stringify(tools));
  if (bytes <= maxToolsBytes) return;
  const problem = `the tools take ${bytes} bytes together; at most ${maxToolsBytes} are allowed`;
  throw new McpError('InvalidObject', { field: 'spec.tools', problem });
}

function checkCode(code: string, field: string): void {
  try {
    void new Script(toolSource(code), { filename: 'tool.js', lineOffset: toolSourceLineOffset });
  } catch (error) {
    const { line, column } = place(error);
    const problem = error instanceof Error ? error.message : 'it does not compile';
    throw new McpError('InvalidToolCode', { field, problem, line, column });
  }
  try {
    void new AsyncFunction('env', 'args', 'sdk', code);
  } catch {
    const problem = 'a closing brace has no opening one';
    throw new McpError('InvalidToolCode', { field, problem, line: 1, column: 1 });
  }
}

/** V8 writes `tool.js:LINE`, the line and a caret under the place, then the stack. */
function place(error: unknown): { line: number; column: number } {
  const [first = '', , caret = ''] = (error instanceof Error ? (error.stack ?? '') : '').split('\n');
  const line = /^tool\.js:(\d+)$/.exec(first)?.[1];
  return line === undefined
    ? { line: 1, column: 1 }
    : { line: Number(line), column: Math.max(caret.indexOf('^'), 0) + 1 };
}

function checkSchema(ajv: Ajv2020, schema: unknown, field: string): void {
  if (schema === undefined) return;
  try {
    ajv.compile(schema as object);
  } catch {
    throw new McpError('InvalidObject', { field, problem: 'it is not a valid JSON Schema (2020-12)' });
  } finally {
    // Two tools may use one `$id`.
    ajv.removeSchema();
  }
}
