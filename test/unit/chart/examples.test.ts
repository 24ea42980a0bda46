/** The examples are what their words say: objects of the kinds' schemas, tool code that compiles, honest placeholders. */
import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { McpSecretSchema, McpServerSchema } from '../../../src/api/generated/schemas.ts';
import type { McpSecret, McpServer } from '../../../src/api/generated/types.ts';
import { serverLabel } from '../../../src/api/names.ts';
import { checkValues } from '../../../src/gateway/admission/secret-values.ts';
import { reviewServer } from '../../../src/gateway/admission/server.ts';
import { checkout } from '../../cluster/paths.ts';
import type { Manifest } from './helm.ts';
import { restrictedViolations } from './pod-security.ts';

const schemas: Record<string, object> = { McpSecret: McpSecretSchema, McpServer: McpServerSchema };
const ajv = new Ajv2020({ strict: false, validateFormats: false });

async function read(path: string): Promise<Manifest[]> {
  const text = await readFile(join(checkout, 'examples', path), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

async function all(): Promise<Manifest[]> {
  const found: Manifest[] = [];
  for await (const path of glob('**/*.yaml', { cwd: join(checkout, 'examples') })) {
    found.push(...(await read(path)));
  }
  return found;
}

const ofKind = async (kind: string) => (await all()).filter((manifest) => manifest.kind === kind);

describe('examples', () => {
  it('are objects of our kinds, down to every field', async () => {
    const ours = (await all()).filter(({ kind }) => Object.hasOwn(schemas, kind));
    expect(ours).toHaveLength(5);
    for (const manifest of ours) {
      const valid = ajv.compile(schemas[manifest.kind]!);
      expect(valid(manifest) ? [] : valid.errors, manifest.metadata.name).toEqual([]);
    }
  });

  it('have tool code and schemas that admission accepts', async () => {
    for (const server of await ofKind('McpServer')) {
      const object = server as unknown as McpServer;
      expect(reviewServer({ uid: 'u', operation: 'CREATE', object })).toEqual({});
    }
  });

  it('have values that admission accepts, and in git one that has to be sealed first', async () => {
    const values = async (path: string) => ((await read(path)) as unknown as McpSecret[])[0]!.spec.values;
    expect(checkValues(await values('github-tools/secret.yaml')).every(({ sealed }) => !sealed)).toBe(true);
    const committed = await values('gitops/secret.yaml');
    expect(() => checkValues(committed)).toThrow('begins with mcps1. but is no sealed value');
  });

  it('label pods with a server that is there, and keep to the restricted standard', async () => {
    const servers = (await ofKind('McpServer')).map(({ metadata }) => metadata.name);
    const deployments = await ofKind('Deployment');
    expect(deployments).toHaveLength(1);
    for (const { spec } of deployments) {
      expect(servers).toContain(spec.template.metadata.labels?.[serverLabel]);
      expect(restrictedViolations(spec.template.spec)).toEqual([]);
    }
  });
});
