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
import { checkValues, valueField, type CheckedValue } from './secret-values.ts';

export interface SecretReviewDeps {
  keyring: () => {
    activeSealing(): SealingPublicKey;
    findSealing(id: string): SealingPrivateKey | undefined;
  };
  /** The other McpSecrets of a server, as this replica knows them. */
  secretsOf: (namespace: string, server: string) => Iterable<McpSecret>;
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
  const values = checkValues(object.spec.values, server);
  refuseConflicts(values, before, { namespace, server, name: object.metadata.name }, deps);

  const patch: PatchOperation[] = [];
  const plaintexts = new Map<string, string>();
  let sealedNow = 0;
  for (const value of values) {
    if (value.sealed) continue;
    plaintexts.set(value.key, value.text);
    const scope = { namespace, server, key: value.key };
    const kept = await unchanged(value, before.get(value.key), scope, deps);
    sealedNow += Number(kept === undefined);
    const text = kept ?? (await seal(Secret.fromText(value.text), scope, deps.keyring().activeSealing()));
    patch.push({ op: 'replace', path: pointer('spec', 'values', value.key), value: text });
  }
  patch.push(...scrubMetadata(object.metadata, plaintexts));
  const warnings = [...(sealedNow > 0 ? [plaintextWarning] : []), ...unknownUnredacted(object)];
  return { patch, warnings };
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
async function unchanged(
  value: CheckedValue,
  stored: string | undefined,
  scope: SealScope,
  deps: SecretReviewDeps,
): Promise<string | undefined> {
  if (stored === undefined) return undefined;
  try {
    const before = await unseal(stored, scope, (id) => deps.keyring().findSealing(id));
    const same = before.equals(Secret.fromText(value.text));
    before.wipe();
    return same ? stored : undefined;
  } catch (error) {
    // What can't be opened is not the same value; the new one replaces it.
    if (error instanceof McpError) return undefined;
    throw error;
  }
}

function refuseConflicts(
  values: readonly CheckedValue[],
  before: ReadonlyMap<string, string>,
  self: { namespace: string; server: string; name: string },
  deps: SecretReviewDeps,
): void {
  const added = new Set(values.map(({ key }) => key).filter((key) => !before.has(key)));
  if (added.size === 0) return;
  for (const other of deps.secretsOf(self.namespace, self.server)) {
    if (other.metadata.name === self.name) continue;
    const taken = Object.keys(other.spec.values ?? {}).find((key) => added.has(key));
    if (taken !== undefined) {
      const details = { field: valueField(taken), other: other.metadata.name, server: self.server };
      throw new McpError('KeyConflict', details);
    }
  }
}

function unknownUnredacted(object: McpSecret): string[] {
  const values = object.spec.values ?? {};
  return (object.spec.unredacted ?? [])
    .filter((key) => !Object.hasOwn(values, key))
    .map((key) => `spec.unredacted names ${JSON.stringify(key)}, which spec.values does not hold`);
}
