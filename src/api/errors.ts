/**
 * The one catalogue of errors: stable code, HTTP status and message. Codes double as condition reasons and as
 * `code` in JSON answers, so one is never renamed. No message has room for a value of a secret.
 */

interface Entry {
  /** HTTP status for callers over the network. */
  readonly status: number;
  /** Sentence with `{name}` places that `details` fills. */
  readonly message: string;
}

export const errorCatalogue = {
  // Sealed values
  InvalidSealedValue: {
    status: 422,
    message:
      '{field}: the text begins with mcps1. but is no sealed value; paste it whole, or, if it is meant as plain text, seal it with kubectl mcp seal',
  },
  UnknownKeyId: {
    status: 422,
    message: '{field}: sealed with key {keyId}, which this cluster does not hold',
  },
  ScopeMismatch: {
    status: 422,
    message: '{field}: sealed for another namespace, server or key; seal it again for this one',
  },
  Corrupt: {
    status: 422,
    message: '{field}: the sealed value was damaged on its way; copy it again or seal it again',
  },
  UnsupportedVersion: { status: 422, message: '{field}: sealed in a format that this version does not read' },
  // Input
  ValueNotText: {
    status: 422,
    message: '{field}: the value is a {type}, not text; put it in quotes',
  },
  ValueTooLarge: {
    status: 422,
    message: '{field}: the value has {bytes} bytes; at most {limit} are allowed',
  },
  ValueNotUtf8: { status: 422, message: '{field}: the value is not valid UTF-8 text' },
  InvalidKey: { status: 422, message: '{field}: {problem}' },
  EnvironmentTooLarge: {
    status: 422,
    message: 'the values of server {server} would take {bytes} bytes together; at most {limit} are allowed',
  },
  KeyConflict: {
    status: 409,
    message: '{field}: McpSecret {other} already sets this key for server {server}; remove it there first',
  },
  PlaintextInLabel: {
    status: 422,
    message:
      'metadata.labels[{label}] holds the plain value of {field}; labels are readable by many, remove it',
  },
  InvalidObject: { status: 422, message: '{field}: {problem}' },
  InvalidToolCode: { status: 422, message: '{field}: {problem} (line {line}, column {column})' },
  // Pods
  ForeignServiceAccount: {
    status: 403,
    message:
      'pods of McpServer {server} run as ServiceAccount {expected}, not {actual}; leave serviceAccountName out or set it to {expected}',
  },
  ServerNotFound: { status: 404, message: 'there is no McpServer {server} in namespace {namespace}' },
  InvalidPod: { status: 422, message: '{field}: {problem}' },
  // Stream and gateway
  Unauthenticated: { status: 401, message: 'the token is missing, expired or not meant for this service' },
  Forbidden: { status: 403, message: 'the caller may not read the environment of {namespace}/{server}' },
  TooManyStreams: { status: 429, message: 'too many streams are open {where}' },
  NotFound: { status: 404, message: 'there is nothing at this address' },
  BadRequest: { status: 400, message: '{problem}' },
  ForeignOrigin: { status: 403, message: 'the request comes from a web page of another host' },
  TooLarge: { status: 413, message: 'the body is larger than {limit} bytes' },
  NotReady: { status: 503, message: 'not ready yet: {what}' },
  // Keyring and storage
  KeyringInvalid: { status: 500, message: 'the keyring cannot be read: {problem}' },
  KeyringLocked: { status: 500, message: 'the key provider {provider} cannot unwrap the keyring' },
  RecordInvalid: { status: 500, message: 'a stored record cannot be read: {problem}' },
  // Tool calls
  ToolTimeout: { status: 504, message: 'the tool did not finish within {seconds} s and was ended' },
  ToolCrashed: { status: 500, message: 'the tool ended its process ({problem})' },
  ToolCancelled: { status: 499, message: 'the caller cancelled the call' },
  ToolBusy: { status: 503, message: 'too many calls wait for this server already; try again' },
  ToolFailed: { status: 500, message: '{problem}' },
  HttpRefused: { status: 403, message: 'sdk.http: {problem}' },
  HttpFailed: { status: 502, message: 'sdk.http: {problem}' },
  // Kubernetes API
  KubeRequest: { status: 500, message: '{method} {path}: {status} {problem}' },
  // Configuration
  InvalidConfiguration: { status: 500, message: '{field}: {problem}' },
} as const satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof errorCatalogue;

/** Values for the `{name}` places of a message; never a secret. */
export type ErrorDetails = Readonly<Record<string, string | number>>;

const brand = Symbol.for('mcpcore.error');

/** An error of the catalogue. `instanceof` works across copies of the module because of a registered symbol. */
export class McpError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly details: ErrorDetails;
  readonly [brand] = true;

  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(fill(errorCatalogue[code].message, details), options);
    this.name = 'McpError';
    this.code = code;
    this.status = errorCatalogue[code].status;
    this.details = details;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/** True when `error` is the catalogue's error `code`. */
export function hasCode(error: unknown, code: ErrorCode): error is McpError {
  return error instanceof McpError && error.code === code;
}

function fill(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(details[name] ?? 'value'));
}
