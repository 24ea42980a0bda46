/** How fast text is redacted: 16 MiB of log lines through the stream's filter, beside a copy and one RegExp. */
import { randomBytes } from 'node:crypto';
import { Automaton } from '../../src/redaction/automaton.ts';
import { RedactingFilter, type Needles } from '../../src/redaction/filter.ts';
import { figure, percentile, type Figure } from './figures.ts';

export interface Scenario {
  name: string;
  run(): Figure[];
}

const textBytes = 16 * 1024 * 1024;
/** What a read from a pipe gives. */
const chunkBytes = 64 * 1024;

export const scenarios: Scenario[] = [
  ...[10, 100, 1_000, 10_000].map((count) => ({
    name: `redaction, ${count} needles`,
    run: () => measureLogs(count),
  })),
  { name: 'redaction, worst case', run: measureWorstCase },
];

function measureLogs(count: number): Figure[] {
  const needles = makeNeedles(count);
  const text = logLines(needles);
  const compiled = compile(needles);
  const speeds = sample(text, 9, () => filter(text, compiled));
  const rows = [row(`redaction, ${count} needles`, speeds, 'copy of the bytes', copySpeed(text))];
  // One RegExp over all needles takes minutes beyond a thousand.
  if (count <= 1_000) {
    const part = text.subarray(0, count <= 100 ? text.length : text.length / 16);
    rows.push(row(`redaction, ${count} needles`, speeds, 'RegExp alternation', regExpSpeed(part, needles)));
  }
  return rows;
}

/** Text that keeps the automaton within needles, and never matches. */
function measureWorstCase(): Figure[] {
  const needles = [Buffer.from(`${'a'.repeat(200)}b`), Buffer.from(`${'a'.repeat(40)}c`)];
  const text = Buffer.alloc(textBytes / 4, 'a');
  const compiled = compile(needles);
  const speeds = sample(text, 5, () => filter(text, compiled));
  return [row('redaction, worst case', speeds, 'copy of the bytes', copySpeed(text))];
}

/** Needles as values of every kind give them: tokens, and their spellings in hexadecimal and base64. */
function makeNeedles(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => {
    const bytes = randomBytes(12 + (index % 20));
    const text = bytes.toString(index % 3 === 0 ? 'hex' : index % 3 === 1 ? 'base64' : 'base64url');
    return Buffer.from(index % 7 === 0 ? `ghp_${text}` : text);
  });
}

/** JSON log lines; about one in ten thousand holds a needle. */
function logLines(needles: readonly Buffer[]): Buffer {
  const lines: string[] = [];
  for (let size = 0, line = 0; size < textBytes; line++) {
    const id = randomBytes(16).toString('hex');
    const detail =
      line % 10_000 === 0 ? needles[line % needles.length]?.toString() : `GET /v1/items/${line}?page=2`;
    const text = `{"level":"info","time":"2026-11-20T10:${line % 60}:07.${line % 1000}Z","trace":"${id}","message":"request completed","detail":"${detail}","status":200,"ms":${line % 977}}\n`;
    lines.push(text);
    size += text.length;
  }
  return Buffer.from(lines.join('')).subarray(0, textBytes);
}

function compile(needles: readonly Buffer[]): Needles {
  return {
    automaton: new Automaton(needles.map((bytes, label) => ({ bytes, label }))),
    placeholders: needles.map(() => Buffer.from('[redacted:KEY]')),
  };
}

function filter(text: Buffer, needles: Needles): void {
  const made = new RedactingFilter(needles);
  for (let at = 0; at < text.length; at += chunkBytes) made.feed(text.subarray(at, at + chunkBytes));
  made.end();
}

function copySpeed(text: Buffer): number {
  return median(
    sample(text, 9, () => {
      for (let at = 0; at < text.length; at += chunkBytes) Buffer.from(text.subarray(at, at + chunkBytes));
    }),
  );
}

function regExpSpeed(text: Buffer, needles: readonly Buffer[]): number {
  const pattern = new RegExp(needles.map((needle) => RegExp.escape(needle.toString())).join('|'), 'g');
  return median(
    sample(text, 3, () => {
      text.toString('latin1').replace(pattern, '[redacted:KEY]');
    }),
  );
}

/** MB/s of each of `count` runs, after one to warm up. */
function sample(text: Buffer, count: number, run: () => void): number[] {
  run();
  return Array.from({ length: count }, () => {
    const start = performance.now();
    run();
    return text.length / 1000 / (performance.now() - start);
  });
}

function row(name: string, speeds: number[], baseline: string, baselineValue: number): Figure {
  return figure(name, 'MB/s', speeds, baseline, baselineValue);
}

function median(speeds: readonly number[]): number {
  return percentile(speeds, 50);
}
