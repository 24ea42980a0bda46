/** Sends requests, again where the API server asks for it, and turns every failure into a KubeError. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { McpError } from '../api/errors.ts';
import { CredentialsError, type Connection, type ConnectionRequest } from './connection.ts';
import { KubeError, requestFailure, type KubeStatus } from './errors.ts';

const maxAttempts = 4;
const maxPauseMs = 10_000;

export class Transport {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Sends and reads the answer as JSON. */
  async json(options: ConnectionRequest): Promise<unknown> {
    const { body } = await this.send(options);
    const text = await body.text().catch((error: unknown) => {
      throw failure(options, error);
    });
    return parseJson(text, options);
  }

  /**
   * Sends until there is an answer below 400: again, up to three times, when the server is too busy and says so, and
   * once after 401 with credentials read anew. Throws KubeError, or the signal's reason.
   */
  async send(options: ConnectionRequest): Promise<Dispatcher.ResponseData> {
    let reloaded = false;
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#connection.send(options).catch((error: unknown) => {
        throw failure(options, error);
      });
      if (response.statusCode < 400) return response;
      const status = await readStatus(response.body);
      const pause = retryAfterMs(response.statusCode, response.headers['retry-after'], status);
      if (response.statusCode === 401 && !reloaded) {
        reloaded = true;
        this.#connection.reload();
      } else if (pause !== undefined && attempt < maxAttempts) {
        await delay(pause, undefined, { ...(options.signal && { signal: options.signal }) });
      } else {
        throw new KubeError(options.method, options.path, response.statusCode, status);
      }
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

/** Parses JSON. The parser's own message would quote the text, so it goes no further. */
export function parseJson(text: string, request: { method: string; path: string }): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw requestFailure(request.method, request.path, 'MalformedAnswer');
  }
}

/** The KubeError for what went wrong on the line; an abort and errors of the catalogue stay what they are. */
export function failure(
  request: { method: string; path: string; signal?: AbortSignal },
  error: unknown,
): unknown {
  if (request.signal?.aborted || error instanceof McpError) return error;
  const { method, path } = request;
  if (error instanceof CredentialsError) {
    return requestFailure(method, path, 'CredentialsFailed', error.message, { cause: error });
  }
  const code = codeOf(error);
  const reason = code === 'UND_ERR_BODY_TIMEOUT' ? 'TimedOut' : 'ConnectionFailed';
  // The HTTP parser's errors carry a piece of the answer.
  return requestFailure(method, path, reason, code, code.startsWith('HPE_') ? {} : { cause: error });
}

function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : 'unknown';
}

/**
 * Time in ms until a refused request may be sent again, or undefined when it may not: 429, and those 5xx for which the
 * API server gives a time, as in client-go. At most 10 s, spread out so that clients do not come back together.
 */
export function retryAfterMs(
  statusCode: number,
  header: string | string[] | undefined,
  status: KubeStatus | undefined,
  random: () => number = Math.random,
): number | undefined {
  if (statusCode !== 429 && (statusCode < 500 || header === undefined)) return undefined;
  const seconds = Number(header ?? status?.details?.retryAfterSeconds ?? 1);
  // NaN for the date form of the header.
  const ms = seconds > 0 ? seconds * 1000 : 1000;
  return Math.min(ms * (1 + random() / 2), maxPauseMs);
}

async function readStatus(body: { text(): Promise<string> }): Promise<KubeStatus | undefined> {
  try {
    return JSON.parse(await body.text()) as KubeStatus;
  } catch {
    // Proxies in front of an API server answer with plain text.
    return undefined;
  }
}
