/** Requests and a keyring for the admission tests, and a JSON patch applier (RFC 6902, as far as reviews use it). */
import type { McpSecret } from '../../../src/api/generated/types.ts';
import type { KubeObject } from '../../../src/api/object-meta.ts';
import type { AdmissionRequest, PatchOperation } from '../../../src/gateway/admission/review.ts';

export const namespace = 'team-a';

export function request<T extends KubeObject>(object: T, oldObject?: T): AdmissionRequest<T> {
  return {
    uid: 'a-uid',
    operation: oldObject ? 'UPDATE' : 'CREATE',
    namespace,
    name: object.metadata.name,
    object,
    ...(oldObject && { oldObject }),
  };
}

export function secret(
  values: Record<string, unknown>,
  more: { name?: string; server?: string; metadata?: object; unredacted?: string[] } = {},
): McpSecret {
  const { name = 'a-secret', server = 'tools', metadata, unredacted } = more;
  return {
    apiVersion: 'mcpcore.dev/v1alpha1',
    kind: 'McpSecret',
    metadata: { name, namespace, ...metadata },
    spec: { server, values: values as Record<string, string>, ...(unredacted && { unredacted }) },
  };
}

type Json = Record<string, unknown> | unknown[];

/** The object after the patch; the given one stays as it is. */
export function patched<T>(object: T, patch: readonly PatchOperation[] = []): T {
  const copy = structuredClone(object);
  for (const { op, path, value } of patch) {
    const parts = path
      .slice(1)
      .split('/')
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = parts.pop() ?? '';
    const parent = parts.reduce(
      (node, part) => (node as Record<string, unknown>)[part] as Json,
      copy as Json,
    );
    if (!Array.isArray(parent)) {
      if (op === 'replace' && !Object.hasOwn(parent, last)) throw new Error(`nothing to replace at ${path}`);
      Object.defineProperty(parent, last, { value, writable: true, enumerable: true, configurable: true });
    } else if (op === 'replace') parent[Number(last)] = value;
    else parent.splice(last === '-' ? parent.length : Number(last), 0, value);
  }
  return copy;
}
