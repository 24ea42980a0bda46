/** Checks the values of an McpSecret as they come in, before anything is sealed: pure, and no message echoes a value. */
import { McpError } from '../../api/errors.ts';
import { maxEnvironmentBytes, maxKeyBytes, maxValueBytes } from '../../api/names.ts';
import { parseSealed, sealedPrefix } from '../../crypto/seal.ts';

/** Field of a key, for messages. Only the name of the key shows, in a form that is safe in a log line. */
export function valueField(key: string): string {
  return `spec.values[${/^[\w.-]+$/.test(key) ? key : JSON.stringify(key)}]`;
}

export interface CheckedValue {
  key: string;
  text: string;
  /** Already sealed by whoever wrote it, or by an earlier admission. */
  sealed: boolean;
}

/**
 * Checks every entry of `spec.values`.
 * @throws McpError InvalidKey, ValueNotText, ValueTooLarge, InvalidSealedValue or EnvironmentTooLarge
 */
export function checkValues(values: unknown, server: string): CheckedValue[] {
  if (values === undefined || values === null) return [];
  if (typeof values !== 'object' || Array.isArray(values)) {
    throw new McpError('InvalidObject', { field: 'spec.values', problem: 'it maps keys to values' });
  }
  const checked = Object.entries(values).map(([key, value]) => checkValue(key, value));
  const bytes = checked.reduce((sum, value) => sum + Buffer.byteLength(value.key) + plainBytes(value), 0);
  if (bytes > maxEnvironmentBytes) {
    throw new McpError('EnvironmentTooLarge', { server, bytes, limit: maxEnvironmentBytes });
  }
  return checked;
}

function checkValue(key: string, value: unknown): CheckedValue {
  const field = valueField(key);
  checkKey(key, field);
  if (typeof value !== 'string') throw new McpError('ValueNotText', { field, type: jsonType(value) });
  const sealed = value.startsWith(sealedPrefix);
  if (sealed && !parseSealed(value)) throw new McpError('InvalidSealedValue', { field });
  const checked = { key, text: value, sealed };
  const bytes = plainBytes(checked);
  if (bytes > maxValueBytes) throw new McpError('ValueTooLarge', { field, bytes, limit: maxValueBytes });
  return checked;
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

function plainBytes({ text, sealed }: CheckedValue): number {
  return sealed ? (parseSealed(text)?.plaintextLength ?? 0) : Buffer.byteLength(text);
}

function jsonType(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}
