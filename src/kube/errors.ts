/** Errors of the Kubernetes API, without what the API server may have quoted from the request. */
import { McpError } from '../api/errors.ts';

/** A Status object, as far as it is read. */
export interface KubeStatus {
  reason?: string;
  message?: string;
  code?: number;
  details?: { retryAfterSeconds?: number; causes?: readonly { field?: string; reason?: string }[] };
}

/**
 * What may be quoted of a message, by reason: sentences that the API server forms from names alone. Anything else, such
 * as an admission webhook's denial, may repeat what was sent.
 */
const quotable: Readonly<Record<string, RegExp>> = {
  NotFound: /^(?:[\w.-]+ "[^"]*" not found|the server could not find the requested resource)$/,
  AlreadyExists: /^[\w.-]+ "[^"]*" already exists$/,
  Conflict:
    /^Operation cannot be fulfilled on [\w.-]+ "[^"]*": (?:the object has been modified|StorageError: invalid object|the (?:UID|ResourceVersion) in the precondition \([\w-]+\) does not match)/,
  Forbidden:
    /^[\w./-]+(?: "[^"]*")? is forbidden: (?:User "[^"]*" cannot [\w" ./-]+|exceeded quota: [\w.-]+|violates PodSecurity "[^"]*"|unable to create new content in namespace [\w-]+)/,
  Unauthorized: /^Unauthorized$/,
  Expired:
    /^(?:too old resource version: [\d ()]+|The resourceVersion for the provided (?:list|watch) is too old)/,
  Timeout: /^Too large resource version: [\d, a-z:]+/,
  InternalError: /^Internal error occurred: failed calling webhook "[^"]*"/,
};

export class KubeError extends McpError {
  /** Status of the answer; 0 when there was none, or none that could be read. */
  readonly httpStatus: number;
  /** The API's reason, such as `Conflict`; empty when there was none. One of `FailureReason` when httpStatus is 0. */
  readonly reason: string;

  constructor(
    method: string,
    path: string,
    httpStatus: number,
    status: KubeStatus | undefined,
    options?: ErrorOptions & { problem?: string },
  ) {
    const problem = options?.problem ?? problemOf(status);
    super('KubeRequest', { method, path: path.split('?')[0] ?? path, status: httpStatus, problem }, options);
    this.httpStatus = httpStatus;
    this.reason = reasonOf(status);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof McpError && 'httpStatus' in value && 'reason' in value;
  }
}

/** Why there is no answer. `TimedOut`: it began, and then nothing more came. */
export type FailureReason = 'ConnectionFailed' | 'TimedOut' | 'CredentialsFailed' | 'MalformedAnswer';

/** The error for a request without a readable answer. `detail` becomes part of its message. */
export function requestFailure(
  method: string,
  path: string,
  reason: FailureReason,
  detail = '',
  options?: ErrorOptions,
): KubeError {
  const problem = detail ? `${reason} (${detail})` : reason;
  return new KubeError(method, path, 0, { reason }, { ...options, problem });
}

/** True when `error` is an API error with this reason. */
export function isKubeReason(error: unknown, reason: string): boolean {
  return error instanceof KubeError && error.reason === reason;
}

/** The reason, if it is one: an admission webhook may answer with any text there. */
function reasonOf(status: KubeStatus | undefined): string {
  return /^[A-Z][A-Za-z]{0,63}$/.exec(status?.reason ?? '')?.[0] ?? '';
}

function problemOf(status: KubeStatus | undefined): string {
  const reason = reasonOf(status);
  if (!status || !reason) return 'request failed';
  if (reason === 'Invalid') return `Invalid${fieldsOf(status)}`;
  const quote = quotable[reason]?.exec(status.message ?? '')?.[0];
  return quote ? `${reason}: ${quote}` : reason;
}

/** The fields that were refused; their paths name keys, never values. */
function fieldsOf(status: KubeStatus): string {
  const fields = (status.details?.causes ?? []).map(({ field }) => field).filter(Boolean);
  return fields.length > 0 ? `: ${[...new Set(fields)].slice(0, 10).join(', ')}` : '';
}
