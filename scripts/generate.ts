/**
 * Generates TypeScript types and JSON schemas from `crds/`, the one source of truth for the kinds.
 * With `--check` nothing is written and the exit code says whether the generated files are current.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { parse } from 'yaml';

const root = new URL('../', import.meta.url);
const check = process.argv.includes('--check');
const banner =
  '// Generated from crds/ by scripts/generate.ts; change the CRDs and run `npm run generate`.\n';

interface Crd {
  spec: {
    names: { kind: string };
    versions: { schema: { openAPIV3Schema: Record<string, unknown> } }[];
  };
}

/** Turns the Kubernetes dialect of OpenAPI v3 into JSON Schema: int-or-string, closed objects, no CEL. */
function toJsonSchema(node: unknown, forTypes: boolean): unknown {
  if (Array.isArray(node)) return node.map((item) => toJsonSchema(item, forTypes));
  if (node === null || typeof node !== 'object') return node;
  const source = node as Record<string, unknown>;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(source)) {
    if (!key.startsWith('x-kubernetes-')) out[key] = toJsonSchema(value, forTypes);
  }
  // A number is let through by the API server only so that admission can answer it; the type is text.
  if (source['x-kubernetes-int-or-string'] === true) out['type'] = 'string';
  if (isClosed(source)) out['additionalProperties'] = false;
  if (forTypes) delete out['maxItems'];
  return out;
}

/** The API server drops fields that a schema does not list; a validator says so. */
function isClosed(node: Record<string, unknown>): boolean {
  return node['type'] === 'object' && Boolean(node['properties']) && !node['additionalProperties'];
}

function rootSchema(crd: Crd, forTypes: boolean): Record<string, unknown> {
  const version = crd.spec.versions[0];
  if (!version) throw new Error(`${crd.spec.names.kind} has no version`);
  const schema = toJsonSchema(version.schema.openAPIV3Schema, forTypes) as Record<string, unknown>;
  const properties = schema['properties'] as Record<string, Record<string, unknown>>;
  properties['metadata'] = forTypes ? { tsType: 'ObjectMeta' } : { type: 'object' };
  if (forTypes) {
    schema['required'] = ['apiVersion', 'kind', 'metadata', 'spec'];
    properties['apiVersion'] = { tsType: "'mcpcore.dev/v1alpha1'" };
    properties['kind'] = { tsType: `'${crd.spec.names.kind}'` };
  }
  return schema;
}

const crds = readdirSync(new URL('crds/', root))
  .filter((name) => name.endsWith('.yaml'))
  .toSorted()
  .map((name) => parse(readFileSync(new URL(`crds/${name}`, root), 'utf8')) as Crd);

let types = `${banner}import type { ObjectMeta } from '../object-meta.ts';\n\n`;
let schemas = banner;
for (const crd of crds) {
  const kind = crd.spec.names.kind;
  types += await compile(rootSchema(crd, true) as JSONSchema, kind, {
    bannerComment: '',
    style: { singleQuote: true, printWidth: 110 },
  });
  schemas += `\nexport const ${kind}Schema = ${JSON.stringify(rootSchema(crd, false), null, 2)} as const;\n`;
}

let stale = false;
for (const [name, content] of [
  ['types.ts', types],
  ['schemas.ts', schemas],
] as const) {
  const target = new URL(`src/api/generated/${name}`, root);
  if (check) {
    let current = '';
    try {
      current = readFileSync(target, 'utf8');
    } catch {
      // Absent is stale as well.
    }
    if (current !== content) {
      stale = true;
      console.error(`src/api/generated/${name} is stale: run npm run generate`);
    }
  } else {
    writeFileSync(target, content);
  }
}
process.exitCode = stale ? 1 : 0;
