/** The small parts of the stream: counting consumers, and waiting in line. */
import { describe, expect, it } from 'vitest';
import { ConsumerRegistry } from '../../../src/gateway/stream/consumers.ts';
import { Gate } from '../../../src/gateway/stream/gate.ts';

describe('ConsumerRegistry', () => {
  it('gives a pod with several connections its oldest revision', () => {
    const changes: string[] = [];
    const registry = new ConsumerRegistry((key) => changes.push(key));
    const [a, b, other] = ['p', 'p', 'o'].map((pod) => ({ pod, revision: 0 }));
    if (!a || !b || !other) throw new Error('three consumers');
    const leave = [a, b, other].map((consumer) => registry.add('ns/s', consumer));
    registry.acknowledge('ns/s', a, 5);
    registry.acknowledge('ns/s', b, 4);
    registry.acknowledge('ns/s', b, 4);
    expect(registry.of('ns/s')).toEqual([
      { pod: 'o', revision: 0 },
      { pod: 'p', revision: 4 },
    ]);
    expect(changes).toHaveLength(5);
    leave[1]?.();
    expect(registry.of('ns/s').at(-1)).toEqual({ pod: 'p', revision: 5 });
    leave[0]?.();
    leave[2]?.();
    expect(registry.servers()).toEqual([]);
    expect(registry.of('ns/s')).toEqual([]);
  });
});

describe('Gate', () => {
  it('lets so many through at once, all in the end, and goes on after a failure', async () => {
    const gate = new Gate(2);
    const waiting: PromiseWithResolvers<void>[] = [];
    let running = 0;
    let most = 0;
    const call = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      const step = Promise.withResolvers<void>();
      waiting.push(step);
      await step.promise.finally(() => {
        running -= 1;
      });
    };
    const calls = Array.from({ length: 5 }, () => gate.run(call).catch(() => 'failed'));
    for (let done = 0; done < 5; done += 1) {
      while (!waiting[done]) await Promise.resolve();
      if (done === 1) waiting[done]?.reject(new Error('broken'));
      else waiting[done]?.resolve();
    }
    expect(await Promise.all(calls)).toEqual([undefined, 'failed', undefined, undefined, undefined]);
    expect(most).toBe(2);
  });
});
