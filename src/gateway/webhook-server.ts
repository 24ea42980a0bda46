/** The HTTPS listener of the admission webhooks: one path a kind, AdmissionReview in and out. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { McpError } from '../api/errors.ts';
import type { Log } from '../kube/log.ts';
import {
  allow,
  deny,
  type AdmissionRequest,
  type AdmissionResponse,
  type Decision,
} from './admission/review.ts';

/** Etcd takes objects of 1.5 MiB; a review holds the old and the new one. */
const maxBodyBytes = 8 * 1024 * 1024;

export type Reviewer = (request: AdmissionRequest) => Decision | Promise<Decision>;

export interface WebhookDeps {
  /** Reviewer by path. */
  reviewers: Readonly<Record<string, Reviewer>>;
  log: Log;
  /** Called after each review; the outcome is `allowed` or the code of the refusal. */
  onReviewed?: (path: string, outcome: string, seconds: number) => void;
}

/** The request listener of the admission webhooks. */
export function webhookListener(deps: WebhookDeps): RequestListener {
  return (request, response) => {
    handle(request, response, deps).catch((error: unknown) => {
      const answer = error instanceof McpError ? error : new McpError('BadRequest', { problem: 'cut short' });
      deps.log.warn({ code: answer.code, reason: answer.message }, 'admission request refused');
      // What is left of the body would be taken for the next request.
      response.shouldKeepAlive = request.complete;
      respond(response, answer.status, { code: answer.code, message: answer.message });
    });
  };
}

async function handle(request: IncomingMessage, response: ServerResponse, deps: WebhookDeps): Promise<void> {
  const { path, reviewer } = route(request, deps.reviewers);
  const review = parseReview(await readBody(request));
  const started = performance.now();
  const answer = await decide(review, reviewer, deps.log);
  const outcome = answer.allowed ? 'allowed' : (answer.status?.details.causes[0]?.reason ?? 'denied');
  deps.onReviewed?.(path, outcome, (performance.now() - started) / 1000);
  respond(response, 200, { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer });
}

/** @throws McpError NotFound or BadRequest */
function route(
  { url = '', method, headers }: IncomingMessage,
  reviewers: WebhookDeps['reviewers'],
): { path: string; reviewer: Reviewer } {
  const [path = ''] = url.split('?');
  const reviewer = Object.hasOwn(reviewers, path) ? reviewers[path] : undefined;
  if (!reviewer || method !== 'POST') throw new McpError('NotFound');
  if (/^application\/json\b/i.test(headers['content-type'] ?? '')) return { path, reviewer };
  throw new McpError('BadRequest', { problem: 'the body is not application/json' });
}

async function decide(review: AdmissionRequest, reviewer: Reviewer, log: Log): Promise<AdmissionResponse> {
  try {
    return allow(review.uid, await reviewer(review));
  } catch (error) {
    const { namespace, operation } = review;
    const { name } = review.object.metadata;
    if (!(error instanceof McpError))
      log.error({ namespace, name, operation, ...safe(error) }, 'review failed');
    return deny(review, error);
  }
}

/** An unforeseen error may quote what it choked on, so only its class and place are logged. */
function safe(error: unknown): { error: string; at: string | undefined } {
  if (!(error instanceof Error)) return { error: 'unknown error', at: undefined };
  const at = error.stack?.split('\n').find((line) => line.trimStart().startsWith('at '));
  return { error: error.name, at: at?.trim() };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = new McpError('TooLarge', { limit: maxBodyBytes });
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBodyBytes) throw tooLarge;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseReview(body: Buffer): AdmissionRequest {
  let review: { request?: Partial<AdmissionRequest> } | null;
  try {
    review = JSON.parse(body.toString()) as typeof review;
  } catch {
    // The parser's message quotes the body.
    throw new McpError('BadRequest', { problem: 'the body is not JSON' });
  }
  const { uid, operation, object } = review?.request ?? {};
  if (typeof uid !== 'string' || typeof operation !== 'string' || !object?.metadata) {
    throw new McpError('BadRequest', { problem: 'the body is no AdmissionReview' });
  }
  return review?.request as AdmissionRequest;
}

function respond(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
