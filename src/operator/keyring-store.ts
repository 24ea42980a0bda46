/**
 * Keeps the keyring in two Secrets of the operator's namespace: the root key, and the keyring wrapped under it.
 * The first replica to start makes them; the others read what it made.
 */
import { randomBytes } from 'node:crypto';
import { McpError } from '../api/errors.ts';
import type { KubeObject } from '../api/object-meta.ts';
import { Keyring, unwrapKeyring, wrapKeyring } from '../crypto/keyring.ts';
import { rootKeyProvider, type KeyProvider } from '../crypto/provider.ts';
import { Secret } from '../crypto/secret.ts';
import type { KubeClient } from '../kube/client.ts';
import { KubeError } from '../kube/errors.ts';
import { configMaps, secrets } from '../kube/resources.ts';

const rootKeySecret = 'mcpcore-root-key';
const keyringSecret = 'mcpcore-keyring';
/** ConfigMap with the public sealing keys, for whoever seals. */
export const sealingKeysConfigMap = 'mcpcore-sealing-keys';

/** A core Secret, as far as it is used here. */
export interface CoreSecret extends KubeObject {
  type?: string;
  data?: Record<string, string>;
}

/** Reads the keyring, making root key and keyring first where there are none. */
export async function loadOrCreateKeyring(
  client: KubeClient,
  namespace: string,
  now: Date,
): Promise<Keyring> {
  const provider = await secretProvider(client, namespace);
  const stored = await getOrCreateSecret(client, namespace, keyringSecret, async () => ({
    'keyring.json': await wrapKeyring(await Keyring.generate({ suite: 'x-wing', now }), provider),
  }));
  const text = stored['keyring.json'];
  if (text === undefined) {
    throw new McpError('KeyringInvalid', { problem: `Secret ${keyringSecret} has no keyring.json` });
  }
  return unwrapKeyring(text, provider);
}

/** Publishes the active public sealing key, so that sealing needs no right on any Secret. */
export async function publishSealingKeys(
  client: KubeClient,
  namespace: string,
  keyring: Keyring,
): Promise<void> {
  const active = keyring.activeSealing();
  const keys = { active: active.id, keys: [publicKeyEntry(active)] };
  await client.apply(configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: sealingKeysConfigMap, namespace },
    data: { 'keys.json': `${JSON.stringify(keys, undefined, 2)}\n` },
  } as KubeObject);
}

function publicKeyEntry(key: { id: string; suite: string; publicKey: Uint8Array }): Record<string, string> {
  return { id: key.id, suite: key.suite, publicKey: Buffer.from(key.publicKey).toString('base64url') };
}

async function secretProvider(client: KubeClient, namespace: string): Promise<KeyProvider> {
  const data = await getOrCreateSecret(client, namespace, rootKeySecret, () =>
    Promise.resolve({
      id: `root-${randomBytes(4).toString('hex')}`,
      key: randomBytes(32).toString('base64'),
    }),
  );
  const { id, key } = data;
  if (!id || !key)
    throw new McpError('KeyringInvalid', { problem: `Secret ${rootKeySecret} has no id or key` });
  return rootKeyProvider([{ id, key: Secret.fromBytes(Buffer.from(key, 'base64')) }]);
}

/** Reads a Secret's data as text, creating the Secret when it is absent. Safe when replicas race. */
export async function getOrCreateSecret(
  client: KubeClient,
  namespace: string,
  name: string,
  make: () => Promise<Record<string, string>>,
): Promise<Record<string, string>> {
  const stored = await client.get<CoreSecret>(secrets, name, namespace);
  if (stored) return decode(stored);
  const data = await make();
  try {
    await client.create<CoreSecret>(secrets, secretObject(namespace, name, data));
    return data;
  } catch (error) {
    if (!(error instanceof KubeError) || error.reason !== 'AlreadyExists') throw error;
    return getOrCreateSecret(client, namespace, name, make);
  }
}

/** A core Secret of text entries. */
export function secretObject(namespace: string, name: string, data: Record<string, string>): CoreSecret {
  const entries = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'mcpcore' } },
    data: Object.fromEntries(entries) as Record<string, string>,
  };
}

/** The entries of a core Secret as text. */
export function decode(secret: CoreSecret): Record<string, string> {
  const entries = Object.entries(secret.data ?? {}).map(([key, value]) => [
    key,
    Buffer.from(value, 'base64').toString('utf8'),
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}
