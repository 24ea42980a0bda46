/** Checks the values of an McpSecret as they come in, before anything is sealed: pure, and no message echoes a value. */
import { McpError } from '../../api/errors.ts';
import { maxEnvironmentBytes, maxKeyBytes, maxValueBytes } from '../../api/names.ts';
import { parseSealed, sealedPrefix } from '../../crypto/seal.ts';

/** Field of a key, for messages, in a form that is safe in a log line. */
export function valueField(key: string): string {
  // What is too long for a key may be a value in the wrong place, so it is not repeated.
  if (Buffer.byteLength(key) > maxKeyBytes) return 'spec.values';
  return `spec.values[${/^[\w.-]+$/.test(key) ? key : JSON.stringify(key)}]`;
}

export interface CheckedValue {
  key: string;
  text: string;
  /** Already sealed by whoever wrote it, or by an earlier admission. */
  sealed: boolean;
  /** Bytes of key and plaintext together, which is what the server's environment is charged. */
  bytes: number;
}

/**
 * Checks every entry of `spec.values`.
 * @throws McpError InvalidObject, InvalidKey, ValueNotText, ValueTooLarge or InvalidSealedValue
 */
export function checkValues(values: unknown): CheckedValue[] {
  if (values === undefined || values === null) return [];
  if (typeof values !== 'object' || Array.isArray(values)) {
    throw new McpError('InvalidObject', { field: 'spec.values', problem: 'it maps keys to values' });
  }
  return Object.entries(values).map(([key, value]) => checkValue(key, value));
}

/**
 * Checks that a server's environment stays small enough to be stored in one object.
 * @param others values of the server's other McpSecrets, as stored
 * @throws McpError EnvironmentTooLarge
 */
export function checkTotal(
  values: readonly CheckedValue[],
  others: Iterable<Readonly<Record<string, string>>>,
  server: string,
): void {
  let bytes = values.reduce((sum, value) => sum + value.bytes, 0);
  for (const stored of others) {
    for (const [key, text] of Object.entries(stored)) bytes += Buffer.byteLength(key) + sealedBytes(text);
  }
  if (bytes > maxEnvironmentBytes) {
    throw new McpError('EnvironmentTooLarge', { server, bytes, limit: maxEnvironmentBytes });
  }
}

function checkValue(key: string, value: unknown): CheckedValue {
  const field = valueField(key);
  checkKey(key, field);
  if (typeof value !== 'string') throw new McpError('ValueNotText', { field, type: jsonType(value) });
  if (!value.isWellFormed()) throw new McpError('ValueNotUtf8', { field });
  const sealed = value.startsWith(sealedPrefix);
  if (sealed && !parseSealed(value)) throw new McpError('InvalidSealedValue', { field });
  const bytes = sealed ? sealedBytes(value) : Buffer.byteLength(value);
  if (bytes > maxValueBytes) throw new McpError('ValueTooLarge', { field, bytes, limit: maxValueBytes });
  return { key, text: value, sealed, bytes: Buffer.byteLength(key) + bytes };
}

function checkKey(key: string, field: string): void {
  const problem = keyProblem(key);
  if (problem) throw new McpError('InvalidKey', { field, problem });
}

function keyProblem(key: string): string | undefined {
  if (key === '') return 'a key is not empty';
  if (key.includes('\0')) return 'a key holds no NUL character';
  return Buffer.byteLength(key) > maxKeyBytes ? `a key has at most ${maxKeyBytes} bytes` : undefined;
}

/** Bytes of plaintext in a sealed text, told from its length alone. */
function sealedBytes(text: string): number {
  return parseSealed(text)?.plaintextLength ?? 0;
}

function jsonType(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}
