/** Removes plaintext from the metadata that clients send along with it: pure. */
import { McpError } from '../../api/errors.ts';
import type { ObjectMeta } from '../../api/object-meta.ts';
import { pointer, type PatchOperation } from './review.ts';
import { valueField } from './secret-values.ts';
import { spellingsOf } from './spellings.ts';

export const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
/**
 * Stands for a value in annotations. kubectl's three-way merge needs only the keys there, and whole ciphertexts would
 * burst the limit of 256 KiB for all annotations.
 */
export const sealedPlaceholder = '(sealed)';

/**
 * Patch operations that take the plaintexts out of the annotations.
 * @param plaintexts plain value by key, without those that may show
 * @throws McpError PlaintextInLabel, or InvalidObject for a last-applied annotation that can't be read
 */
export function scrubMetadata(
  metadata: ObjectMeta,
  plaintexts: ReadonlyMap<string, string>,
): PatchOperation[] {
  refuseLabels(metadata.labels ?? {}, plaintexts);
  const forms = spellingsOf(plaintexts.values());
  const patch: PatchOperation[] = [];
  for (const [name, text] of Object.entries(metadata.annotations ?? {})) {
    // The applied object holds annotations of its own, so it is searched like any other once its values are gone.
    const clean = scrubText(name === lastApplied ? scrubLastApplied(text) : text, forms);
    const path = pointer('metadata', 'annotations', name);
    if (clean !== text) patch.push({ op: 'replace', path, value: clean });
  }
  return patch;
}

function refuseLabels(
  labels: Readonly<Record<string, string>>,
  plaintexts: ReadonlyMap<string, string>,
): void {
  const entries = Object.entries(labels);
  if (entries.length === 0) return;
  for (const [key, value] of plaintexts) {
    const forms = spellingsOf([value]);
    const found = entries.find(([label, text]) =>
      forms.some((form) => text.includes(form) || label.includes(form)),
    );
    if (!found) continue;
    // A label whose name holds the value is not named.
    const label = forms.some((form) => found[0].includes(form)) ? sealedPlaceholder : found[0];
    throw new McpError('PlaintextInLabel', { label, field: valueField(key) });
  }
}

/** Every value in the applied object gives way, whether or not the same write carries it in the clear. */
function scrubLastApplied(text: string): string {
  let applied: { spec?: { values?: unknown } } | null;
  try {
    applied = JSON.parse(text) as typeof applied;
  } catch {
    // The parser's message quotes the text. Short values could hide in it, so it is refused rather than searched.
    throw new McpError('InvalidObject', {
      field: `metadata.annotations[${lastApplied}]`,
      problem: 'it is not JSON; remove the annotation and apply again',
    });
  }
  const values = applied?.spec?.values;
  if (!applied?.spec || values === undefined || values === null) return text;
  const clean = placeholders(values);
  if (JSON.stringify(clean) === JSON.stringify(values)) return text;
  applied.spec.values = clean;
  return `${JSON.stringify(applied)}\n`;
}

function placeholders(values: unknown): unknown {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return sealedPlaceholder;
  // fromEntries defines properties, so that `__proto__` is a key like any other.
  return Object.fromEntries(Object.keys(values).map((key) => [key, sealedPlaceholder]));
}

function scrubText(text: string, forms: readonly string[]): string {
  return forms.reduce((clean, form) => clean.replaceAll(form, sealedPlaceholder), text);
}
