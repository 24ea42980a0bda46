/** Removes plaintext from the metadata that clients send along with it: pure. */
import { McpError } from '../../api/errors.ts';
import type { ObjectMeta } from '../../api/object-meta.ts';
import { pointer, type PatchOperation } from './review.ts';
import { valueField } from './secret-values.ts';

export const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
/**
 * Stands for a value in annotations. kubectl's three-way merge needs only the keys there, and whole ciphertexts would
 * burst the limit of 256 KiB for all annotations.
 */
export const sealedPlaceholder = '(sealed)';
/** Shorter values occur in other text by chance; only the structured annotation is searched for them. */
const shortestSearched = 8;

/**
 * Patch operations that take the plaintexts out of the annotations.
 * @param plaintexts plain value by key
 * @throws McpError PlaintextInLabel, or InvalidObject for a last-applied annotation that can't be read
 */
export function scrubMetadata(
  metadata: ObjectMeta,
  plaintexts: ReadonlyMap<string, string>,
): PatchOperation[] {
  refuseLabels(metadata.labels ?? {}, plaintexts);
  const patch: PatchOperation[] = [];
  for (const [name, text] of Object.entries(metadata.annotations ?? {})) {
    const clean = name === lastApplied ? scrubLastApplied(text) : replaceAll(text, plaintexts);
    const path = pointer('metadata', 'annotations', name);
    if (clean !== text) patch.push({ op: 'replace', path, value: clean });
  }
  return patch;
}

function refuseLabels(
  labels: Readonly<Record<string, string>>,
  plaintexts: ReadonlyMap<string, string>,
): void {
  for (const [label, text] of Object.entries(labels)) {
    for (const [key, value] of plaintexts) {
      if (value.length >= shortestSearched && text.includes(value)) {
        throw new McpError('PlaintextInLabel', { label, field: valueField(key) });
      }
    }
  }
}

/** Every value in the applied object gives way, whether or not the same write carries it in the clear. */
function scrubLastApplied(text: string): string {
  let applied: { spec?: { values?: Record<string, unknown> } } | null;
  try {
    applied = JSON.parse(text) as typeof applied;
  } catch {
    // The parser's message quotes the text.
    throw new McpError('InvalidObject', {
      field: `metadata.annotations[${lastApplied}]`,
      problem: 'it is not JSON; remove the annotation and apply again',
    });
  }
  const values = applied?.spec?.values;
  if (!applied?.spec || typeof values !== 'object' || values === null) return text;
  if (Object.values(values).every((value) => value === sealedPlaceholder)) return text;
  applied.spec.values = Object.fromEntries(Object.keys(values).map((key) => [key, sealedPlaceholder]));
  return `${JSON.stringify(applied)}\n`;
}

function replaceAll(text: string, plaintexts: ReadonlyMap<string, string>): string {
  let clean = text;
  for (const value of plaintexts.values()) {
    if (value.length < shortestSearched) continue;
    const escaped = JSON.stringify(value).slice(1, -1);
    const forms = [
      value,
      escaped,
      JSON.stringify(escaped).slice(1, -1),
      Buffer.from(value).toString('base64'),
    ];
    for (const form of forms) clean = clean.replaceAll(form, sealedPlaceholder);
  }
  return clean;
}
