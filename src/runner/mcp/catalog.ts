/** The tools of a server, ready to be listed and called: schemas compiled, code hashed, order fixed. */
import { createHash } from 'node:crypto';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Tool } from '../../api/stream-protocol.ts';
import type { ToolCode } from '../tools/executor.ts';

/** What `tools/list` says about one tool. */
export interface ToolDescription {
  name: string;
  title?: string;
  description?: string;
  inputSchema: { type: 'object'; [key: string]: unknown };
  outputSchema?: { type: 'object'; [key: string]: unknown };
}

export interface CatalogTool {
  description: ToolDescription;
  code: ToolCode;
  /** What is wrong with the arguments, in words; undefined when they conform. */
  inputProblem(args: unknown): string | undefined;
  /** The same for the result; undefined too when the tool has no outputSchema. */
  outputProblem(value: unknown): string | undefined;
}

export interface Catalog {
  generation: number;
  /** In the order of their names, so that equal servers give equal lists. */
  tools: ReadonlyMap<string, CatalogTool>;
  /** Tools left out, with why. */
  problems: { tool: string; problem: string }[];
}

const noArguments = { type: 'object', properties: {}, additionalProperties: false } as const;
const defaultTimeoutSeconds = 30;

/** Builds the catalogue; a tool with a broken schema is left out and named in `problems`. */
export function buildCatalog(tools: readonly Tool[], generation: number): Catalog {
  const sorted = [...tools].sort((a, b) => (a.name < b.name ? -1 : 1));
  const built = new Map<string, CatalogTool>();
  const problems: Catalog['problems'] = [];
  for (const tool of sorted) {
    try {
      built.set(tool.name, buildTool(tool));
    } catch (error) {
      problems.push({ tool: tool.name, problem: (error as Error).message });
    }
  }
  return { generation, tools: built, problems };
}

function buildTool(tool: Tool): CatalogTool {
  const inputSchema = objectSchema(tool.inputSchema ?? noArguments);
  const input = compile(inputSchema);
  const outputSchema = tool.outputSchema && objectSchema(tool.outputSchema);
  const output = outputSchema && compile(outputSchema);
  return {
    description: {
      name: tool.name,
      ...(tool.title !== undefined && { title: tool.title }),
      ...(tool.description !== undefined && { description: tool.description }),
      inputSchema,
      ...(outputSchema && { outputSchema }),
    },
    code: {
      name: tool.name,
      code: tool.code,
      hash: createHash('sha256').update(tool.code).digest('hex'),
      timeoutMs: (tool.timeoutSeconds ?? defaultTimeoutSeconds) * 1000,
    },
    inputProblem: (args) => problemOf(input, args),
    outputProblem: (value) => output && problemOf(output, value),
  };
}

/** MCP wants `type: object` spelled out at the root. */
function objectSchema(schema: Record<string, unknown>): { type: 'object' } {
  return { ...schema, type: 'object' };
}

/** One instance per schema, so that a `$id` used by two tools is no conflict. */
function compile(schema: object): ValidateFunction {
  return new Ajv2020({ strict: false, validateFormats: false, allErrors: true, logger: false }).compile(
    schema,
  );
}

function problemOf(validate: ValidateFunction, value: unknown): string | undefined {
  if (validate(value)) return undefined;
  return (validate.errors ?? []).slice(0, 10).map(describe).join('; ');
}

/** Says where and which rule; never the value, which may be a secret. */
function describe({ instancePath, message, params, keyword }: ErrorObject): string {
  const extra = keyword === 'additionalProperties' ? ` (${String(params['additionalProperty'])})` : '';
  return `${instancePath === '' ? 'the value' : instancePath} ${message ?? keyword}${extra}`;
}
