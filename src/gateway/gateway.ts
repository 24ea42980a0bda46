/** Starts the gateway's listeners: admission webhooks and the env stream, each on an HTTPS port of its own. */
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { McpSecret, McpServer } from '../api/generated/types.ts';
import type { Log } from '../kube/log.ts';
import { reviewPod, type PodReviewDeps } from './admission/pod.ts';
import type { AdmissionRequest } from './admission/review.ts';
import { reviewSecret, type SecretReviewDeps } from './admission/secret.ts';
import { reviewServer } from './admission/server.ts';
import type { StreamServer } from './stream/stream-server.ts';
import { webhookListener } from './webhook-server.ts';
import type { GatewayMetrics } from './metrics.ts';

export interface Certificate {
  certificate: string;
  key: string;
}

export interface GatewayDeps {
  certificate: Certificate;
  secretReview: SecretReviewDeps;
  podReview: PodReviewDeps;
  streams: StreamServer;
  ports: { admission: number; stream: number };
  /** Address to listen on; all by default. */
  host?: string;
  log: Log;
  metrics?: GatewayMetrics;
}

export interface Gateway {
  ports: { admission: number; stream: number };
  /** Uses another certificate for new connections. */
  setCertificate(certificate: Certificate): void;
  /** Stops taking requests, sends streams away, and waits for what is under way. */
  close(): Promise<void>;
}

/** Time enough for the API server on a bad day, and none for a client that trickles its request. */
const limits: ServerOptions = {
  handshakeTimeout: 10_000,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 5000,
  // Longer than the 90 s for which the API server keeps an idle connection, so that it never writes into a closed one.
  keepAliveTimeout: 100_000,
  maxHeaderSize: 16 * 1024,
};

/** Starts both listeners. */
export async function startGateway(deps: GatewayDeps): Promise<Gateway> {
  const { metrics } = deps;
  const secretReview = { ...(metrics && { onUnchanged: metrics.unchanged }), ...deps.secretReview };
  const reviewers = {
    '/admission/secrets': (request: AdmissionRequest) =>
      reviewSecret(request as AdmissionRequest<McpSecret>, secretReview),
    '/admission/servers': (request: AdmissionRequest) => reviewServer(request as AdmissionRequest<McpServer>),
    '/admission/pods': (request: AdmissionRequest) => reviewPod(request, deps.podReview),
  };
  const admission = createServer(
    { ...limits, ...tls(deps.certificate) },
    webhookListener({ reviewers, log: deps.log, ...(metrics && { onReviewed: metrics.reviewed }) }),
  );
  const stream = createServer({ ...limits, ...tls(deps.certificate) }, (_request, response) => {
    response.writeHead(404).end();
  });
  deps.streams.attach(stream);
  for (const server of [admission, stream]) server.on('tlsClientError', (_error, socket) => socket.destroy());
  const ports = {
    admission: await listen(admission, deps.ports.admission, deps.host),
    stream: await listen(stream, deps.ports.stream, deps.host),
  };
  return {
    ports,
    setCertificate: (certificate) => {
      for (const server of [admission, stream]) server.setSecureContext(tls(certificate));
    },
    close: async () => {
      deps.streams.close();
      await Promise.all([close(admission), close(stream)]);
    },
  };
}

function tls({ certificate, key }: Certificate): { cert: string; key: string; minVersion: 'TLSv1.3' } {
  return { cert: certificate, key, minVersion: 'TLSv1.3' };
}

function listen(server: Server, port: number, host: string | undefined): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  return promise;
}

function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  return promise;
}
