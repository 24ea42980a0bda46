/** What tool code gives to `sdk.http`, checked and brought into the form that is sent. */
import { isRecord } from '../../api/is-record.ts';
import { McpError } from '../../api/errors.ts';

export interface HttpRequest {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body?: string;
  timeoutMs: number;
  /** Give the body as base64 instead of text. */
  binary: boolean;
  followRedirects: boolean;
}

const defaultTimeoutMs = 30_000;
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY']);

/**
 * Reads `{method, url, headers, query, body, json, timeout, responseType, redirect}`. `json` is encoded and sets the
 * content type; a `body` that is no string is treated as `json`. `timeout` is in milliseconds.
 *
 * @throws McpError HttpRefused
 */
export function parseHttpRequest(text: string): HttpRequest {
  const given: unknown = JSON.parse(text);
  if (!isRecord(given)) throw refused('it takes one object, {url, method, headers, …}');
  const method = textField(given, 'method', 'GET').toUpperCase();
  if (!methods.has(method)) throw refused('the method is not one of HTTP');
  const headers = headersOf(given['headers']);
  const body = bodyOf(given, headers);
  return {
    method,
    url: urlOf(given),
    headers,
    ...(body !== undefined && { body }),
    timeoutMs: timeoutOf(given['timeout']),
    binary: given['responseType'] === 'base64',
    followRedirects: given['redirect'] !== 'manual',
  };
}

function urlOf(given: Record<string, unknown>): URL {
  const url = URL.parse(textField(given, 'url', ''));
  if (url === null) throw refused('url is no absolute URL');
  for (const [name, value] of Object.entries(isRecord(given['query']) ? given['query'] : {})) {
    const items = (Array.isArray(value) ? value : [value]) as unknown[];
    for (const item of items.filter(isPresent)) url.searchParams.append(name, scalar(item));
  }
  return url;
}

function headersOf(given: unknown): Record<string, string> {
  if (!isRecord(given)) return {};
  const present = Object.entries(given).filter(([, value]) => isPresent(value));
  return Object.fromEntries(present.map(([name, value]) => [name.toLowerCase(), scalar(value)]));
}

function bodyOf(given: Record<string, unknown>, headers: Record<string, string>): string | undefined {
  const { body, json } = given;
  if (typeof body === 'string') return body;
  const value = json ?? body;
  if (value === undefined || value === null) return undefined;
  headers['content-type'] ??= 'application/json';
  return JSON.stringify(value);
}

function timeoutOf(value: unknown): number {
  return typeof value === 'number' && value > 0 ? Math.min(value, 600_000) : defaultTimeoutMs;
}

function textField(given: Record<string, unknown>, name: string, fallback: string): string {
  const value = given[name] ?? fallback;
  if (typeof value !== 'string') throw refused(`${name} is no text`);
  return value;
}

function scalar(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function refused(problem: string): McpError {
  return new McpError('HttpRefused', { problem });
}
