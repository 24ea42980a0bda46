/** Keeps the gateway's certificates in a Secret that all replicas share, and the webhooks' trust in step with it. */
import type { KubeObject } from '../api/object-meta.ts';
import type { KubeClient } from '../kube/client.ts';
import { isKubeReason } from '../kube/errors.ts';
import {
  mutatingWebhookConfigurations,
  secrets,
  validatingWebhookConfigurations,
} from '../kube/resources.ts';
import { ensureCertificates, type Certificates } from './certificates.ts';
import { decode, secretObject, type CoreSecret } from './keyring-store.ts';

const tlsSecret = 'mcpcore-tls';

/** The certificates good for now, made or renewed when need be. Safe when replicas race. */
export async function loadCertificates(
  client: KubeClient,
  namespace: string,
  service: string,
  now: Date,
): Promise<Certificates> {
  const names = [
    // For a port-forward, and for webhook configurations by URL on the same machine.
    'localhost',
    `${service}.${namespace}.svc`,
    `${service}.${namespace}.svc.cluster.local`,
    `${service}.${namespace}`,
  ];
  const stored = await client.get<CoreSecret>(secrets, tlsSecret, namespace);
  const { certificates, changed } = await ensureCertificates(stored && fromData(decode(stored)), names, now);
  if (!changed) return certificates;
  const object = secretObject(namespace, tlsSecret, toData(certificates));
  try {
    if (stored) {
      const { resourceVersion = '' } = stored.metadata;
      await client.replace(secrets, { ...object, metadata: { ...object.metadata, resourceVersion } });
    } else {
      await client.create(secrets, object);
    }
    return certificates;
  } catch (error) {
    if (!isKubeReason(error, 'AlreadyExists') && !isKubeReason(error, 'Conflict')) throw error;
    return loadCertificates(client, namespace, service, now);
  }
}

function fromData(data: Record<string, string>): Certificates | undefined {
  const { 'ca.crt': authority, 'ca.key': authorityKey, 'tls.crt': certificate, 'tls.key': key } = data;
  return authority && authorityKey && certificate && key
    ? { authority, authorityKey, certificate, key }
    : undefined;
}

function toData(certificates: Certificates): Record<string, string> {
  return {
    'ca.crt': certificates.authority,
    'ca.key': certificates.authorityKey,
    'tls.crt': certificates.certificate,
    'tls.key': certificates.key,
  };
}

interface WebhookConfiguration extends KubeObject {
  webhooks?: { clientConfig: { caBundle?: string } }[];
}

/** Puts the authority into the webhook configurations, where it is not there yet. */
export async function trustAuthority(client: KubeClient, name: string, authority: string): Promise<void> {
  const caBundle = Buffer.from(authority).toString('base64');
  for (const resource of [mutatingWebhookConfigurations, validatingWebhookConfigurations]) {
    const configuration = await client.get<WebhookConfiguration>(resource, name);
    const patch = (configuration?.webhooks ?? []).flatMap(({ clientConfig }, index) =>
      clientConfig.caBundle === caBundle
        ? []
        : [{ op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle }],
    );
    if (patch.length > 0) await client.patch(resource, name, undefined, patch, 'json');
  }
}
