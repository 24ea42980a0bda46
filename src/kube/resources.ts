/** The resources that mcpcore reads or writes. */
import { apiVersion } from '../api/names.ts';

/** Where a kind is served. */
export interface ResourceRef {
  apiVersion: string;
  plural: string;
}

export const mcpServers: ResourceRef = { apiVersion, plural: 'mcpservers' };
export const mcpSecrets: ResourceRef = { apiVersion, plural: 'mcpsecrets' };
export const mcpEnvironments: ResourceRef = { apiVersion, plural: 'mcpenvironments' };
export const secrets: ResourceRef = { apiVersion: 'v1', plural: 'secrets' };
export const configMaps: ResourceRef = { apiVersion: 'v1', plural: 'configmaps' };
export const namespaces: ResourceRef = { apiVersion: 'v1', plural: 'namespaces' };
export const pods: ResourceRef = { apiVersion: 'v1', plural: 'pods' };
export const serviceAccounts: ResourceRef = { apiVersion: 'v1', plural: 'serviceaccounts' };
export const services: ResourceRef = { apiVersion: 'v1', plural: 'services' };
export const deployments: ResourceRef = { apiVersion: 'apps/v1', plural: 'deployments' };
export const events: ResourceRef = { apiVersion: 'events.k8s.io/v1', plural: 'events' };
export const leases: ResourceRef = { apiVersion: 'coordination.k8s.io/v1', plural: 'leases' };
export const tokenReviews: ResourceRef = { apiVersion: 'authentication.k8s.io/v1', plural: 'tokenreviews' };
export const mutatingWebhookConfigurations: ResourceRef = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  plural: 'mutatingwebhookconfigurations',
};
export const validatingWebhookConfigurations: ResourceRef = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  plural: 'validatingwebhookconfigurations',
};

/** Path of a resource, or of one object of it. Names are escaped. */
export function resourcePath(
  resource: ResourceRef,
  namespace?: string,
  name?: string,
  subresource?: string,
): string {
  const root = resource.apiVersion.includes('/')
    ? `/apis/${resource.apiVersion}`
    : `/api/${resource.apiVersion}`;
  const parts = [root];
  if (namespace !== undefined) parts.push('namespaces', encodeURIComponent(namespace));
  parts.push(resource.plural);
  if (name !== undefined) parts.push(encodeURIComponent(name));
  if (subresource !== undefined) parts.push(subresource);
  return parts.join('/');
}
