/** The admission.k8s.io/v1 messages, as far as they are read and written. */
import { McpError } from '../../api/errors.ts';
import type { KubeObject } from '../../api/object-meta.ts';

export interface AdmissionRequest<T extends KubeObject = KubeObject> {
  uid: string;
  kind?: { group: string; kind: string };
  operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  namespace?: string;
  name?: string;
  object: T;
  oldObject?: T | null;
  dryRun?: boolean;
  userInfo?: { username?: string };
}

export interface PatchOperation {
  op: 'add' | 'replace' | 'remove';
  path: string;
  value?: unknown;
}

/** What a review decides. */
export interface Decision {
  patch?: PatchOperation[];
  warnings?: string[];
}

export interface AdmissionResponse {
  uid: string;
  allowed: boolean;
  patchType?: 'JSONPatch';
  patch?: string;
  warnings?: string[];
  status?: Refusal;
}

/** A metav1.Status. */
interface Refusal {
  code: number;
  /**
   * Always Invalid. For any other reason `kubectl apply` prints the patch that it sent, plain values included, and for
   * a conflict it explains field managers; for this one it prints the causes and nothing else.
   */
  reason: 'Invalid';
  message: string;
  details: {
    group: string;
    kind: string;
    name: string;
    /** The reason is the code of the catalogue. */
    causes: { reason: string; field: string; message: string }[];
  };
}

/** The answer that lets the request pass, patched. */
export function allow(uid: string, decision: Decision): AdmissionResponse {
  const { patch = [], warnings = [] } = decision;
  return {
    uid,
    allowed: true,
    ...(patch.length > 0 && {
      patchType: 'JSONPatch' as const,
      patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
    }),
    ...(warnings.length > 0 && { warnings }),
  };
}

/** The answer that refuses the request. Only errors of the catalogue speak; any other cause stays inside. */
export function deny(request: AdmissionRequest, error: unknown): AdmissionResponse {
  const known = error instanceof McpError;
  const message = known ? error.message : 'mcpcore could not review the request; see the log of the operator';
  const field = known ? String(error.details['field'] ?? '') : '';
  const { uid, kind = { group: '', kind: '' }, object, name = object.metadata.name } = request;
  const cause = {
    reason: known ? error.code : 'InternalError',
    field,
    message: field !== '' && message.startsWith(`${field}: `) ? message.slice(field.length + 2) : message,
  };
  return {
    uid,
    allowed: false,
    status: {
      code: known ? error.status : 500,
      reason: 'Invalid',
      message,
      details: { group: kind.group, kind: kind.kind, name, causes: [cause] },
    },
  };
}

/** Escapes a key for a JSON pointer (RFC 6901). */
export function pointer(...parts: readonly string[]): string {
  return parts.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
