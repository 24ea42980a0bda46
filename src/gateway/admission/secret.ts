/**
 * Reviews writes of McpSecrets: seals every plain value in place. The same plaintext written again keeps the stored
 * ciphertext byte for byte, so that applying a file twice changes nothing.
 */
import { McpError } from '../../api/errors.ts';
import type { McpSecret } from '../../api/generated/types.ts';
import {
  seal,
  unseal,
  type SealingPrivateKey,
  type SealingPublicKey,
  type SealScope,
} from '../../crypto/seal.ts';
import { Secret } from '../../crypto/secret.ts';
import type { AdmissionRequest, Decision, PatchOperation } from './review.ts';
import { pointer } from './review.ts';
import { scrubMetadata } from './scrub.ts';
import { checkTotal, checkValues, valueField, type CheckedValue } from './secret-values.ts';

export interface SecretReviewDeps {
  keyring: () => {
    activeSealing(): SealingPublicKey;
    findSealing(id: string): SealingPrivateKey | undefined;
  };
  /** The other McpSecrets of a server, as this replica knows them. */
  secretsOf: (namespace: string, server: string) => Iterable<McpSecret>;
  /**
   * Told how many plain values of a write equalled the stored ones. Whoever may write can test guesses in this way, so
   * the number is worth a metric.
   */
  onUnchanged?: (count: number) => void;
}

const plaintextWarning =
  'plain values were sealed on arrival; an audit log of the API server at level Request or above still shows them: commit and send sealed values where you can';

/**
 * Reviews one write.
 * @throws McpError of the catalogue when the write is refused
 */
export async function reviewSecret(
  request: AdmissionRequest<McpSecret>,
  deps: SecretReviewDeps,
): Promise<Decision> {
  const { object } = request;
  const namespace = request.namespace ?? object.metadata.namespace ?? 'default';
  const server = serverOf(object);
  const before = storedValues(request.oldObject, server);
  const values = checkValues(object.spec.values);
  const unredacted = unredactedOf(object);
  const others = othersOf(object.metadata.name, deps.secretsOf(namespace, server));
  refuseConflicts(values, before, others, server);
  const stored = others.map(({ spec }) => spec.values ?? {});
  checkTotal(values, stored, server);

  const plain = values.filter(({ sealed }) => !sealed);
  const scrubbed = scrubMetadata(object.metadata, needles(plain, unredacted));
  const patch: PatchOperation[] = [];
  let unchanged = 0;
  for (const value of plain) {
    const scope = { namespace, server, key: value.key };
    const text = Secret.fromText(value.text);
    const kept = await keptCiphertext(text, before.get(value.key), scope, deps);
    if (kept !== undefined) unchanged += 1;
    const sealed = kept ?? (await seal(text, scope, deps.keyring().activeSealing()));
    text.wipe();
    patch.push({ op: 'replace', path: pointer('spec', 'values', value.key), value: sealed });
  }
  if (unchanged > 0) deps.onUnchanged?.(unchanged);
  const warnings = [
    ...(plain.length > unchanged ? [plaintextWarning] : []),
    ...unknownUnredacted(unredacted, values),
  ];
  return { patch: [...patch, ...scrubbed], warnings };
}

/** Plain values to look for elsewhere in the object; those that may show in logs may show there too. */
function needles(plain: readonly CheckedValue[], unredacted: readonly string[]): Map<string, string> {
  const shown = new Set(unredacted);
  return new Map(plain.filter(({ key }) => !shown.has(key)).map(({ key, text }) => [key, text]));
}

/** The server's other McpSecrets; one that is on its way out keeps nobody from its keys. */
function othersOf(self: string | undefined, secrets: Iterable<McpSecret>): McpSecret[] {
  return [...secrets].filter(({ metadata }) => metadata.name !== self && !metadata.deletionTimestamp);
}

function serverOf(object: McpSecret): string {
  const server: unknown = (object as { spec?: { server?: unknown } }).spec?.server;
  if (typeof server === 'string' && server !== '') return server;
  throw new McpError('InvalidObject', {
    field: 'spec.server',
    problem: 'it names the McpServer of the values',
  });
}

/** What was stored before; nothing when the values were another server's, for whom they stay sealed. */
function storedValues(old: McpSecret | null | undefined, server: string): ReadonlyMap<string, string> {
  return new Map(old?.spec.server === server ? Object.entries(old.spec.values ?? {}) : []);
}

/** The stored ciphertext, if it holds this very value. */
async function keptCiphertext(
  value: Secret,
  stored: string | undefined,
  scope: SealScope,
  deps: SecretReviewDeps,
): Promise<string | undefined> {
  if (stored === undefined) return undefined;
  try {
    const before = await unseal(stored, scope, (id) => deps.keyring().findSealing(id));
    const same = before.equals(value);
    before.wipe();
    return same ? stored : undefined;
  } catch (error) {
    // What can't be opened is not the same value; the new one replaces it.
    if (error instanceof McpError) return undefined;
    throw error;
  }
}

/** Refuses keys that this write adds and another McpSecret already sets; what was there before may stay. */
function refuseConflicts(
  values: readonly CheckedValue[],
  before: ReadonlyMap<string, string>,
  others: readonly McpSecret[],
  server: string,
): void {
  const added = values.map(({ key }) => key).filter((key) => !before.has(key));
  for (const { metadata, spec } of others) {
    const taken = added.find((key) => Object.hasOwn(spec.values ?? {}, key));
    if (taken === undefined) continue;
    throw new McpError('KeyConflict', { field: valueField(taken), other: metadata.name, server });
  }
}

/** Schema validation comes after this review, so the list may still be anything. */
function unredactedOf(object: McpSecret): string[] {
  const list: unknown = object.spec.unredacted;
  return Array.isArray(list) ? list.filter((key) => typeof key === 'string') : [];
}

function unknownUnredacted(unredacted: readonly string[], values: readonly CheckedValue[]): string[] {
  const known = new Set(values.map(({ key }) => key));
  return unredacted
    .filter((key) => !known.has(key))
    .map((key) => `spec.unredacted names ${JSON.stringify(key)}, which spec.values does not hold`);
}
