/** Answers an upgrade request with an error of the catalogue, in plain HTTP. */
import type { Duplex } from 'node:stream';
import { McpError } from '../../api/errors.ts';

/** The error as the caller may see it; a cause from outside the catalogue stays inside. */
export function publicError(error: unknown): McpError {
  if (error instanceof McpError && error.code !== 'KubeRequest') return error;
  return new McpError('NotReady', { what: 'the request could not be checked' });
}

/** Writes the answer and ends the socket. */
export function refuse(socket: Duplex, { status, code, message }: McpError): void {
  const body = JSON.stringify({ code, message });
  socket.end(
    `HTTP/1.1 ${status} ${code}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
