/** `sdk.http`, as it runs in the supervisor: connections outlive the children, and every address is checked. */
import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, request as send, type Dispatcher } from 'undici';
import { McpError } from '../../api/errors.ts';
import { refusedAddress, refusedUrl } from './destination.ts';
import { redirected } from './redirect.ts';
import { parseHttpRequest, type HttpRequest } from './request.ts';

export interface HttpClientOptions {
  /** Largest body of an answer, in bytes. */
  maxBytes?: number;
  /** Whether an address is refused; destination.ts unless a test says otherwise. */
  refuses?: { address: typeof refusedAddress; url: typeof refusedUrl };
  /** Resolves names; the system's resolver unless a test says otherwise. */
  lookup?: LookupFunction;
}

export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  /** Text, or base64 when the request asked for it. */
  body: string;
  url: string;
}

const maxRedirects = 5;

export class HttpClient {
  readonly #agent: Agent;
  readonly #maxBytes: number;
  readonly #refuses: NonNullable<HttpClientOptions['refuses']>;

  constructor(options: HttpClientOptions = {}) {
    const { maxBytes = 4 * 1024 * 1024, refuses = { address: refusedAddress, url: refusedUrl } } = options;
    this.#maxBytes = maxBytes;
    this.#refuses = refuses;
    const lookup = guardedLookup(refuses.address, options.lookup ?? dnsLookup);
    this.#agent = new Agent({ connect: { lookup, timeout: 10_000 } });
  }

  /** Runs a request as tool code wrote it; the answer is JSON text of `{value}` or `{error: {name, message}}`. */
  async handle(text: string, signal: AbortSignal): Promise<string> {
    try {
      return JSON.stringify({ value: await this.fetch(parseHttpRequest(text), signal) });
    } catch (error) {
      const { code, message } = asMcpError(error);
      return JSON.stringify({ error: { name: code, message } });
    }
  }

  /** @throws McpError HttpRefused | HttpFailed, or what undici throws */
  async fetch(first: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(first.timeoutMs)]);
    let request = first;
    for (let hops = 0; hops <= maxRedirects; hops += 1) {
      const problem = this.#refuses.url(request.url);
      if (problem !== undefined) throw new McpError('HttpRefused', { problem });
      const { method, headers, body, url } = request;
      const answer = await send(url, {
        dispatcher: this.#agent,
        method,
        headers,
        body: body ?? null,
        signal: limit,
      });
      const next = redirected(request, answer.statusCode, headersOf(answer)['location']);
      if (next === undefined) return await this.#read(answer, request);
      await answer.body.dump();
      request = next;
    }
    throw new McpError('HttpFailed', { problem: `more than ${maxRedirects} redirects` });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #read(answer: Dispatcher.ResponseData, { url, binary }: HttpRequest): Promise<HttpAnswer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      // Leaving the loop closes the connection.
      if (bytes > this.#maxBytes) {
        throw new McpError('HttpFailed', { problem: `the answer is larger than ${this.#maxBytes} bytes` });
      }
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks).toString(binary ? 'base64' : 'utf8');
    return { status: answer.statusCode, headers: headersOf(answer), body, url: url.href };
  }
}

function headersOf({ headers }: Dispatcher.ResponseData): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}

/** Resolves a name and refuses it when any of its addresses is refused. */
function guardedLookup(refused: typeof refusedAddress, lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    const all: LookupOptions = { ...options, all: true };
    lookup(hostname, all, (error, found) => {
      if (error) {
        callback(error, '', 0);
        return;
      }
      const addresses = found as unknown as LookupAddress[];
      for (const { address } of addresses) {
        const what = refused(address);
        if (what !== undefined) {
          callback(new McpError('HttpRefused', { problem: `${hostname} is ${what}` }), '', 0);
          return;
        }
      }
      if (options.all === true) callback(null, addresses);
      else callback(null, addresses[0]?.address ?? '', addresses[0]?.family ?? 0);
    });
  };
}

/** Names the cause by its code where it has one: messages of the network stack can quote what was sent. */
function asMcpError(error: unknown): McpError {
  if (error instanceof McpError) return error;
  const { code, name, message, cause } = error as Error & { code?: string };
  if (cause instanceof McpError) return cause;
  if (name === 'TimeoutError') return new McpError('HttpFailed', { problem: 'no answer in time' });
  return new McpError('HttpFailed', { problem: typeof code === 'string' ? code : message });
}
