/** What the gateway counts and times. Labels have few values: never a namespace, a server or a pod. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface GatewayMetrics {
  /** A review of the webhook at `path` took so long and ended in `outcome`: allowed, or the code of the refusal. */
  readonly reviewed: (path: string, outcome: string, seconds: number) => void;
  /** So many plain values of one write equalled the stored ones. */
  readonly unchanged: (count: number) => void;
  /** The number of open streams changed by so much. */
  readonly streams: (change: 1 | -1) => void;
  /** A stream was refused with this code of the catalogue. */
  readonly refused: (code: string) => void;
  /** An update was handed to the network. */
  readonly pushed: (type: string) => void;
  /** A pod acknowledged a revision so long after it was offered to it. */
  readonly acknowledged: (seconds: number) => void;
}

/** Registers the gateway's metrics. */
export function gatewayMetrics(registry: Registry): GatewayMetrics {
  const registers = [registry];
  const review = new Histogram({
    name: 'mcpcore_admission_review_seconds',
    help: 'Time to review one admission request.',
    labelNames: ['path', 'outcome'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
    registers,
  });
  const unchanged = new Counter({
    name: 'mcpcore_admission_unchanged_values_total',
    help: 'Plain values that equalled the stored ones. Whoever may write can test guesses in this way.',
    registers,
  });
  const streams = new Gauge({
    name: 'mcpcore_stream_connections',
    help: 'Open env streams of this replica.',
    registers,
  });
  const refused = new Counter({
    name: 'mcpcore_stream_refused_total',
    help: 'Env streams refused.',
    labelNames: ['code'],
    registers,
  });
  const pushed = new Counter({
    name: 'mcpcore_stream_messages_total',
    help: 'Messages sent on env streams.',
    labelNames: ['type'],
    registers,
  });
  const acknowledged = new Histogram({
    name: 'mcpcore_stream_acknowledged_seconds',
    help: 'Time from the moment a revision is offered to a pod until the pod runs it.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  return {
    reviewed: (path, outcome, seconds) => review.observe({ path, outcome }, seconds),
    unchanged: (count) => unchanged.inc(count),
    streams: (change) => streams.inc(change),
    refused: (code) => refused.inc({ code }),
    pushed: (type) => pushed.inc({ type }),
    acknowledged: (seconds) => acknowledged.observe(seconds),
  };
}
