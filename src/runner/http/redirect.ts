/** What a redirect does to a request. */
import { McpError } from '../../api/errors.ts';
import type { HttpRequest } from './request.ts';

/** Headers that say nothing about who asks; all others stay with the origin that they were meant for. */
const harmless = new Set(['accept', 'accept-language', 'content-type', 'user-agent']);

const redirects = new Set([301, 302, 303, 307, 308]);

/**
 * The request that follows a redirect; undefined when the answer is no redirect. On the way to another origin every
 * header that could be a credential is dropped, and a body is not sent on (RFC 9110 section 15.4 would repeat it).
 *
 * @throws McpError HttpRefused
 */
export function redirected(
  request: HttpRequest,
  status: number,
  location: string | undefined,
): HttpRequest | undefined {
  if (!request.followRedirects || location === undefined || !redirects.has(status)) return undefined;
  const url = URL.parse(location, request.url.href);
  if (url === null) throw refused('it was redirected to something that is no URL');
  const foreign = url.origin !== request.url.origin;
  const next = becomesGet(request, status) ? asGet(request) : request;
  if (foreign && next.body !== undefined)
    throw refused(`a redirect to ${url.origin} asked to send the body there`);
  return { ...next, url, headers: foreign ? withoutCredentials(next.headers) : next.headers };
}

/** Clients turn a POST into a GET on 301 and 302 (RFC 9110 sections 15.4.2 and 15.4.3), and anything on 303. */
function becomesGet({ method }: HttpRequest, status: number): boolean {
  return method !== 'HEAD' && (status === 303 || (status < 303 && method === 'POST'));
}

function asGet({ body: _body, headers, ...rest }: HttpRequest): HttpRequest {
  const { 'content-type': _type, ...kept } = headers;
  return { ...rest, headers: kept, method: 'GET' };
}

function withoutCredentials(headers: HttpRequest['headers']): HttpRequest['headers'] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => harmless.has(name)));
}

function refused(problem: string): McpError {
  return new McpError('HttpRefused', { problem });
}
