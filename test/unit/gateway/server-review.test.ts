/** What admission says about tool code, schemas, names and sizes. */
import { describe, expect, it } from 'vitest';
import type { McpServer } from '../../../src/api/generated/types.ts';
import { reviewServer } from '../../../src/gateway/admission/server.ts';
import { request } from './given.ts';

type Tools = McpServer['spec']['tools'];

function review(tools: Tools, name = 'tools'): unknown {
  const object = {
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpServer',
    metadata: { name },
    spec: { tools },
  } as McpServer;
  try {
    return reviewServer(request(object));
  } catch (error) {
    return error;
  }
}

const code = (text: string) => review([{ name: 'a', code: text }]);

describe('tool code', () => {
  it.each([
    'return 1',
    'const { x } = args;\nreturn await sdk.http.get(env.URL + x);',
    'return 1 // the end',
    '',
  ])('%j compiles', (text) => expect(code(text)).toEqual({}));

  it('is not run', () => {
    expect(code('globalThis.wasRun = true')).toEqual({});
    expect(globalThis).not.toHaveProperty('wasRun');
  });

  it.each([
    ['const x = 1;\nreturn x +;', 'line 2, column 11'],
    ['return "open', 'line 1, column 8'],
    ['with (args) {}', 'line 1, column 1'],
  ])('%j is refused with its place', (text, place) => {
    expect(code(text)).toMatchObject({ code: 'InvalidToolCode', message: expect.stringContaining(place) });
    expect(code(text)).toMatchObject({ message: expect.stringContaining('spec.tools[0].code') });
  });

  it.each(['}); globalThis.wasRun = true; (async function () {', '}); (() => {', '}, async function () {'])(
    '%j does not get out of its function',
    (text) => {
      expect(code(text)).toMatchObject({ code: 'InvalidToolCode' });
      expect(globalThis).not.toHaveProperty('wasRun');
    },
  );
});

describe('schemas', () => {
  const schema = { $id: 'https://example.com/s', type: 'object', properties: { a: { type: 'string' } } };

  it('may share an id, and be used twice', () => {
    const tool = (name: string) => ({
      name,
      code: 'return',
      inputSchema: schema,
      outputSchema: { ...schema },
    });
    expect(review([tool('a'), tool('b')])).toEqual({});
    expect(review([tool('a')])).toEqual({});
  });

  it.each([
    ['inputSchema', { type: 'objekt' }],
    ['outputSchema', { required: 'a' }],
    ['inputSchema', { $ref: 'https://example.com/elsewhere' }],
  ])('%s %j is refused', (field, broken) => {
    expect(review([{ name: 'a', code: 'return', [field]: broken }])).toMatchObject({
      code: 'InvalidObject',
      message: expect.stringContaining(`spec.tools[0].${field}`),
    });
  });
});

describe('the object', () => {
  it.each(['Tools', 'a.b', '-a', 'a-'])('is not named %s', (name) => {
    expect(review([], name)).toMatchObject({ code: 'InvalidObject', details: { field: 'metadata.name' } });
  });

  it('stays small enough to be stored', () => {
    const tools = Array.from({ length: 5 }, (_, index) => ({
      name: `t${index}`,
      code: `//${'x'.repeat(210_000)}`,
    }));
    expect(review(tools)).toMatchObject({ code: 'InvalidObject', details: { field: 'spec.tools' } });
    expect(review(tools.slice(1))).toEqual({});
  });
});
