/** Errors of the Kubernetes API, without what the API server may have quoted from the request. */
import { McpError } from '../api/errors.ts';

/** A Status object, as far as it is read. */
export interface KubeStatus {
  reason?: string;
  message?: string;
  code?: number;
  details?: { retryAfterSeconds?: number };
}

/** Reasons whose message speaks of names only, never of the content of an object. */
const quotable = new Set([
  'NotFound',
  'AlreadyExists',
  'Forbidden',
  'Unauthorized',
  'Conflict',
  'Expired',
  'Timeout',
]);

export class KubeError extends McpError {
  readonly httpStatus: number;
  /** The API's reason, such as `Conflict`; empty when there was none. */
  readonly reason: string;

  constructor(method: string, path: string, httpStatus: number, status: KubeStatus | undefined) {
    const reason = status?.reason ?? '';
    const problem = quotable.has(reason) ? `${reason}: ${status?.message ?? ''}` : reason || 'request failed';
    super('KubeRequest', { method, path: path.split('?')[0] ?? path, status: httpStatus, problem });
    this.httpStatus = httpStatus;
    this.reason = reason;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && 'httpStatus' in value && 'reason' in value;
  }
}

/** True when `error` is an API error with this reason. */
export function isKubeReason(error: unknown, reason: string): boolean {
  return error instanceof KubeError && error.reason === reason;
}
