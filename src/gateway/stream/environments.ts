/** Decrypts an McpEnvironment into the message that its pods get. */
import type { McpEnvironment } from '../../api/generated/types.ts';
import type { EnvMessage } from '../../api/stream-protocol.ts';
import { decryptRecord, type StorageKey } from '../../crypto/envelope.ts';

/**
 * The environment in plain text, for the pods of its server alone.
 * @throws McpError RecordInvalid or UnknownKeyId: an environment is delivered whole or not at all
 */
export async function openEnvironment(
  environment: McpEnvironment,
  find: (id: string) => StorageKey | undefined,
): Promise<EnvMessage> {
  const namespace = environment.metadata.namespace ?? 'default';
  const server = environment.metadata.name;
  const entries: [string, string][] = [];
  for (const [key, { record, revision }] of Object.entries(environment.spec.values ?? {})) {
    const value = await decryptRecord(record, { namespace, server, key, revision }, find);
    entries.push([key, value.reveal()]);
    value.wipe();
  }
  return {
    type: 'env',
    revision: environment.spec.revision,
    // fromEntries defines properties, so that `__proto__` is a key like any other.
    values: Object.fromEntries(entries),
    unredacted: environment.spec.unredacted ?? [],
  };
}
