/** The queue as a model sees it: never two runs of one key, nothing added is lost, failures come back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WorkQueue, type Result } from '../../../src/kube/work-queue.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { keptLog } from '../../support/kept-log.ts';

interface Run {
  key: string;
  finish: (outcome: 'ok' | 'fail' | number) => Promise<void>;
}

/** A queue whose runs end only when the test says so. */
function givenQueue(concurrency: number) {
  const clock = new FakeClock();
  const log = keptLog();
  const running: Run[] = [];
  const started: string[] = [];
  const queue = new WorkQueue({
    concurrency,
    log,
    clock,
    backoff: { minMs: 100, maxMs: 1000, random: () => 1 },
    process: (key) => {
      const { promise, resolve, reject } = Promise.withResolvers<void | Result>();
      started.push(key);
      const run: Run = {
        key,
        finish: async (outcome) => {
          running.splice(running.indexOf(run), 1);
          if (outcome === 'fail') reject(new Error('no luck'));
          else resolve(typeof outcome === 'number' ? { requeueAfterMs: outcome } : undefined);
          await settle();
        },
      };
      running.push(run);
      return promise;
    },
  });
  return { clock, log, queue, running, started };
}

/** Lets everything that is ready run; nothing here waits for real time. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

const key = fc.constantFrom('a', 'b', 'c', 'd');
const step = fc.oneof(
  fc.record({
    do: fc.constant('add' as const),
    key,
    priority: fc.constantFrom('high' as const, 'low' as const),
  }),
  fc.record({ do: fc.constant('addAfter' as const), key, ms: fc.integer({ min: 1, max: 300 }) }),
  fc.record({ do: fc.constant('ok' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('fail' as const), pick: fc.nat() }),
  fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 500 }) }),
);

describe('any order of adding, finishing and failing', () => {
  it('never runs a key twice at once, and runs it after everything that asked for it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, concurrency) => {
          const { clock, queue, running, started } = givenQueue(concurrency);
          /** Keys that have to start once more. */
          const owed = new Set<string>();
          let counted = 0;
          const check = (): void => {
            for (const key of started.slice(counted)) owed.delete(key);
            counted = started.length;
            expect(new Set(running.map(({ key }) => key)).size).toBe(running.length);
            expect(running.length).toBeLessThanOrEqual(concurrency);
          };
          const finish = async (pick: number, outcome: 'ok' | 'fail'): Promise<void> => {
            const run = running[pick % Math.max(1, running.length)];
            if (!run) return;
            if (outcome === 'fail') owed.add(run.key);
            await run.finish(outcome);
          };
          queue.start(new AbortController().signal);
          for (const action of steps) {
            if (action.do === 'add' || action.do === 'addAfter') owed.add(action.key);
            if (action.do === 'add') queue.add(action.key, action.priority);
            else if (action.do === 'addAfter') queue.addAfter(action.key, action.ms);
            else if (action.do === 'advance') clock.advance(action.ms);
            else await finish(action.pick, action.do);
            check();
          }
          while (running.length > 0 || clock.pending > 0) {
            clock.advance(clock.next() ?? 0);
            check();
            await finish(0, 'ok');
            check();
          }
          expect([...owed]).toEqual([]);
          expect(queue.length).toBe(0);
          await queue.drained();
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('a key that was added while it ran', () => {
  it('runs once more, however often it was added', async () => {
    const { queue, running, started } = givenQueue(2);
    queue.start(new AbortController().signal);
    queue.add('a');
    for (let i = 0; i < 5; i += 1) queue.add('a');
    expect(started).toEqual(['a']);
    await running[0]!.finish('ok');
    expect(started).toEqual(['a', 'a']);
    await running[0]!.finish('ok');
    expect(started).toEqual(['a', 'a']);
  });
});

describe('a key that fails', () => {
  it('comes back after a delay that doubles, up to the longest, and starts over after success', async () => {
    const { clock, queue, running, log } = givenQueue(1);
    queue.start(new AbortController().signal);
    queue.add('a');
    const delays: (number | undefined)[] = [];
    for (let i = 0; i < 6; i += 1) {
      await running[0]!.finish('fail');
      delays.push(clock.next());
      clock.advance(clock.next()!);
    }
    expect(delays).toEqual([100, 200, 400, 800, 1000, 1000]);
    await running[0]!.finish('ok');
    queue.add('a');
    await running[0]!.finish('fail');
    expect(clock.next()).toBe(100);
    expect(log.lines.filter(({ message }) => message === 'reconciliation failed')).toHaveLength(7);
  });

  it('spreads its delays', async () => {
    const delays = await Promise.all(
      [0, 0.5].map(async (number) => {
        const clock = new FakeClock();
        const queue = new WorkQueue({
          concurrency: 1,
          log: keptLog(),
          clock,
          backoff: { minMs: 100, maxMs: 1000, random: () => number },
          process: () => Promise.reject(new Error('no')),
        });
        queue.start(new AbortController().signal);
        queue.add('a');
        await settle();
        return clock.next();
      }),
    );
    expect(delays).toEqual([50, 75]);
  });

  it('does not hold up others', async () => {
    const { queue, running, started } = givenQueue(1);
    queue.start(new AbortController().signal);
    queue.add('bad');
    queue.add('good');
    await running[0]!.finish('fail');
    expect(started).toEqual(['bad', 'good']);
  });
});

describe('delays', () => {
  it('runs a key again when its run asked for it', async () => {
    const { clock, queue, running, started } = givenQueue(1);
    queue.start(new AbortController().signal);
    queue.add('a');
    await running[0]!.finish(500);
    clock.advance(499);
    expect(started).toEqual(['a']);
    clock.advance(1);
    expect(started).toEqual(['a', 'a']);
  });

  it('are not put off by asking again', () => {
    const { clock, queue, started } = givenQueue(1);
    queue.start(new AbortController().signal);
    for (let i = 0; i < 10; i += 1) {
      queue.addAfter('a', 100);
      clock.advance(50);
    }
    expect(started).toContain('a');
  });

  it('end when the key is added', async () => {
    const { clock, queue, running, started } = givenQueue(1);
    queue.start(new AbortController().signal);
    queue.addAfter('a', 100);
    queue.add('a');
    await running[0]!.finish('ok');
    clock.advance(1000);
    expect(started).toEqual(['a']);
  });
});

describe('priorities', () => {
  it('put changes before resyncs', async () => {
    const { queue, running, started } = givenQueue(1);
    for (const key of ['old-1', 'old-2']) queue.add(key, 'low');
    queue.add('new');
    queue.add('old-2');
    queue.start(new AbortController().signal);
    while (running[0]) await running[0].finish('ok');
    expect(started).toEqual(['new', 'old-2', 'old-1']);
  });

  it('let a resync through however many changes there are', async () => {
    const { queue, running, started } = givenQueue(1);
    queue.add('resync', 'low');
    for (let i = 0; i < 40; i += 1) queue.add(`change-${i}`);
    queue.start(new AbortController().signal);
    for (let i = 0; i < 20; i += 1) await running[0]!.finish('ok');
    expect(started).toContain('resync');
  });
});

describe('the end', () => {
  it('lets what runs finish, forgets the rest, and can start again', async () => {
    const { clock, queue, running, started } = givenQueue(1);
    const first = new AbortController();
    queue.start(first.signal);
    queue.add('running');
    queue.add('waiting');
    queue.addAfter('delayed', 10);
    first.abort();
    let drained = false;
    const whenDrained = queue.drained().then(() => (drained = true));
    queue.add('late');
    await settle();
    expect(drained).toBe(false);
    await running[0]!.finish('fail');
    await whenDrained;
    clock.advance(10_000);
    expect(started).toEqual(['running']);

    queue.start(new AbortController().signal);
    queue.add('again');
    expect(started).toEqual(['running', 'again']);
  });

  it('never runs a key twice at once across a restart', async () => {
    const { queue, running, started } = givenQueue(4);
    const first = new AbortController();
    queue.start(first.signal);
    queue.add('a');
    first.abort();
    queue.start(new AbortController().signal);
    queue.add('a');
    expect(running).toHaveLength(1);
    await running[0]!.finish('ok');
    expect(started).toEqual(['a', 'a']);
  });
});
