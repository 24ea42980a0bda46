import { describe, expect, it } from 'vitest';
import { buildCatalog, type CatalogTool } from '../../../src/runner/mcp/catalog.ts';
import { redactDeep, toCallToolResult } from '../../../src/runner/mcp/result.ts';
import type { ToolOutcome } from '../../../src/runner/tools/executor.ts';

const redact = (text: string): string => text.replaceAll('hunter2', '[redacted:K]');

function tool(outputSchema?: Record<string, unknown>): CatalogTool {
  const built = buildCatalog([{ name: 't', code: 'x', ...(outputSchema && { outputSchema }) }], 1).tools.get(
    't',
  );
  if (built === undefined) throw new Error('not built');
  return built;
}

function outcome(value: unknown): ToolOutcome {
  return { revision: 1, missingKeys: [], ...(value !== undefined && { result: JSON.stringify(value) }) };
}

describe('toCallToolResult', () => {
  it('gives a text as it is and anything else as JSON', () => {
    expect(toCallToolResult(outcome('line\n'), tool(), redact)).toEqual({
      content: [{ type: 'text', text: 'line\n' }],
    });
    expect(toCallToolResult(outcome([1, null]), tool(), redact).content).toEqual([
      { type: 'text', text: '[1,null]' },
    ]);
    expect(toCallToolResult(outcome(undefined), tool(), redact)).toEqual({ content: [] });
  });

  it('gives structured content that conforms, with its JSON as text', () => {
    const schema = { properties: { n: { type: 'number' } }, required: ['n'] };
    expect(toCallToolResult(outcome({ n: 1 }), tool(schema), redact)).toEqual({
      content: [{ type: 'text', text: '{"n":1}' }],
      structuredContent: { n: 1 },
    });
  });

  it('reports a result that does not conform without quoting it', () => {
    const schema = { properties: { n: { type: 'number' } } };
    const result = toCallToolResult(outcome({ n: 'private' }), tool(schema), redact);
    expect(result.isError).toBe(true);
    expect(JSON.stringify(result)).toContain('/n must be number');
    expect(JSON.stringify(result)).not.toContain('private');
  });

  it('passes MCP content through', () => {
    const content = [{ type: 'image', data: 'aGk=', mimeType: 'image/png' }];
    expect(toCallToolResult(outcome({ content }), tool(), redact)).toEqual({ content });
  });

  it('takes content that is none of MCP for data', () => {
    expect(toCallToolResult(outcome({ content: [{ type: 'nope' }] }), tool(), redact).content).toEqual([
      { type: 'text', text: '{"content":[{"type":"nope"}]}' },
    ]);
  });

  it('redacts texts, structures, names of fields and errors', () => {
    for (const value of [
      'x hunter2',
      { a: ['hunter2'] },
      { hunter2: 1 },
      { content: [{ type: 'text', text: 'hunter2' }] },
    ]) {
      expect(JSON.stringify(toCallToolResult(outcome(value), tool(), redact))).not.toContain('hunter2');
    }
    const structured = toCallToolResult(outcome({ a: 'hunter2' }), tool({}), redact);
    expect(structured.structuredContent).toEqual({ a: '[redacted:K]' });
    const error = { name: 'TypeError', message: 'bad hunter2', frames: ['3:7', '9:1'] };
    expect(toCallToolResult({ revision: 1, missingKeys: [], error }, tool(), redact)).toEqual({
      content: [{ type: 'text', text: 'TypeError: bad [redacted:K] (line 3)' }],
      isError: true,
    });
  });
});

describe('redactDeep', () => {
  it('keeps what is no text', () => {
    expect(redactDeep({ a: 1, b: [true, null] }, redact)).toEqual({ a: 1, b: [true, null] });
  });
});

describe('buildCatalog', () => {
  it('orders tools by name and lets a tool without a schema take no arguments', () => {
    const catalog = buildCatalog(
      ['b', 'a', 'C'].map((name) => ({ name, code: 'x' })),
      1,
    );
    expect([...catalog.tools.keys()]).toEqual(['C', 'a', 'b']);
    const a = catalog.tools.get('a');
    expect(a?.inputProblem({})).toBeUndefined();
    expect(a?.inputProblem({ x: 1 })).toContain('additional properties (x)');
    expect(a?.description.inputSchema.type).toBe('object');
  });

  it('leaves out a tool with a broken schema and says so', () => {
    const catalog = buildCatalog(
      [
        { name: 'good', code: 'x' },
        { name: 'bad', code: 'x', inputSchema: { properties: { a: { type: 'nonsense' } } } },
      ],
      1,
    );
    expect([...catalog.tools.keys()]).toEqual(['good']);
    expect(catalog.problems.map(({ tool }) => tool)).toEqual(['bad']);
  });
});
