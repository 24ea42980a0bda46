import { describe, expect, it } from 'vitest';
import { createRunnerLog } from '../../../src/runner/log.ts';
import { failClosed } from '../../../src/runner/runner.ts';

const redact = (text: string): string =>
  text.replaceAll('hunter2', '[redacted:K]').replaceAll('hunter\\n2', '[x]');

function capture(): {
  lines: () => Record<string, unknown>[];
  text: () => string;
  log: ReturnType<typeof createRunnerLog>;
} {
  let text = '';
  const log = createRunnerLog(redact, { write: (line) => (text += line) });
  const lines = (): Record<string, unknown>[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { lines, text: () => text, log };
}

describe('createRunnerLog', () => {
  it('writes one line of JSON per call', () => {
    const { log, lines } = capture();
    const record = {
      tool: 't',
      durationMs: 1.5,
      outcome: 'Ok',
      requestBytes: 2,
      responseBytes: 3,
      revision: 4,
    };
    log.call({ ...record, missingKeys: ['NOPE'] });
    log.call({ ...record, outcome: 'ToolFailed', error: { message: 'm', stack: ['1:2'] } });
    expect(lines()).toMatchObject([
      { level: 'info', kind: 'call', ...record, missingKeys: ['NOPE'] },
      { level: 'error', kind: 'call', outcome: 'ToolFailed', error: { message: 'm', stack: ['1:2'] } },
    ]);
    expect(lines()[0]).toHaveProperty('time');
  });

  it('redacts texts, fields, names of fields and whole lines', () => {
    const { log, text } = capture();
    log.toolLine('t', 'warn', 'a hunter2 b');
    log.info({ x: { hunter2: ['hunter2'] } }, 'hunter2');
    log.call({
      tool: 't',
      durationMs: 1,
      outcome: 'ToolFailed',
      requestBytes: 1,
      responseBytes: 1,
      error: { message: 'hunter2' },
    });
    log.error({ escaped: 'hunter\n2' }, 'm');
    expect(text()).not.toMatch(/hunter/);
    expect(text().trimEnd().split('\n')).toHaveLength(4);
  });
});

describe('failClosed', () => {
  it('shows neither the text nor the error of a redaction that failed', () => {
    const redact = failClosed(() => {
      throw new Error('hunter2');
    });
    expect(redact('hunter2')).toBe('[not shown: redaction failed]');
  });
});
