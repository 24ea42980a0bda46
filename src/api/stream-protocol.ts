/**
 * The env stream between a pod and the gateway: JSON messages over one WebSocket at `streamPath(namespace, server)`.
 * The pod authenticates the upgrade request with its projected ServiceAccount token as a bearer token.
 *
 * The server sends `hello`, then at once the full state (`env`, and `tools` for pods that ask with `?tools=1`), and
 * the full state again on every change: an absent key is deleted. The pod answers each `env` with `ack` after its
 * redactor knows the values and the next execution reads them. Both sides send WebSocket pings; either side drops a
 * connection that was silent for `idleSeconds`.
 */
import { isRecord } from './is-record.ts';
import type { McpServer } from './generated/types.ts';

/** Audience of the projected token. */
export const streamAudience = 'mcpcore.dev/env';
/** WebSocket subprotocol, so that a later version can be told apart. */
export const streamProtocol = 'env.v1.mcpcore.dev';
/** Close code: the token's time is up or the server moves; connect again at once. */
export const closeReconnect = 4000;
/** Close code: the server, pod or right is gone; values already held stay in use, retry with back-off. */
export const closeRevoked = 4001;
/** Largest message, in bytes: an environment is under 1 MiB of plaintext and tools under 1.5 MiB of JSON. */
export const maxMessageBytes = 8 * 1024 * 1024;

export type Tool = NonNullable<McpServer['spec']['tools']>[number];

export interface HelloMessage {
  type: 'hello';
  /** Drop the connection when nothing, not even a ping, came for so long. */
  idleSeconds: number;
}

export interface EnvMessage {
  type: 'env';
  /** Grows with every change; the same revision is the same values. */
  revision: number;
  /** Every key with its plaintext. */
  values: Record<string, string>;
  /** Keys whose values may show in logs. */
  unredacted: string[];
}

export interface ToolsMessage {
  type: 'tools';
  /** `metadata.generation` of the McpServer. */
  generation: number;
  tools: Tool[];
}

export type ServerMessage = HelloMessage | EnvMessage | ToolsMessage;

export interface AckMessage {
  type: 'ack';
  revision: number;
}

export type PodMessage = AckMessage;

/** Path of a server's stream; both parts are DNS labels and need no escaping. */
export function streamPath(namespace: string, server: string): string {
  return `/v1/namespaces/${namespace}/servers/${server}/env`;
}

/** Parses what a pod sent; undefined when it is no message of the protocol. */
export function parsePodMessage(text: string): PodMessage | undefined {
  const message = parseJson(text);
  if (message?.['type'] !== 'ack' || !isRevision(message['revision'])) return undefined;
  return { type: 'ack', revision: message['revision'] };
}

/** Parses what the gateway sent; undefined when it is no message of the protocol. */
export function parseServerMessage(text: string): ServerMessage | undefined {
  const message = parseJson(text);
  switch (message?.['type']) {
    case 'hello':
      return isRevision(message['idleSeconds']) ? (message as unknown as HelloMessage) : undefined;
    case 'env':
      return isEnv(message) ? (message as unknown as EnvMessage) : undefined;
    case 'tools':
      return isRevision(message['generation']) && Array.isArray(message['tools'])
        ? (message as unknown as ToolsMessage)
        : undefined;
    default:
      return undefined;
  }
}

function isEnv(message: Record<string, unknown>): boolean {
  const { revision, values, unredacted } = message;
  return (
    isRevision(revision) &&
    isRecord(values) &&
    Object.values(values).every((value) => typeof value === 'string') &&
    Array.isArray(unredacted) &&
    unredacted.every((key) => typeof key === 'string')
  );
}

function isRevision(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
