/**
 * What is built inside the realm of a call before the tool's code runs: `console`, timers, `sdk` and `env`.
 *
 * `bootRealm` is self-contained: its source text is evaluated in the fresh context (`String(bootRealm)`), so that
 * everything tool code can touch belongs to that context. The functions of `Bridge` are of the host's realm and stay
 * in the closure: they take and give primitives only, and what they throw is never passed on.
 */
import type { Env, Lookup } from '../env/proxy.ts';

/** The host's side of a call. */
export interface Bridge {
  lookup: Lookup;
  log: (level: string, text: string) => void;
  progress: (json: string) => void;
  /** Starts an HTTP request; the answer comes through `Realm.reply`. */
  http: (id: number, json: string) => void;
  timer: (id: number, ms: number) => void;
  clearTimer: (id: number) => void;
  /** @param result JSON text, undefined when nothing was returned */
  done: (result: string | undefined) => void;
  /** @param json JSON text of a ToolError */
  failed: (json: string) => void;
}

/** The context's side of a call. */
export interface Realm {
  run(main: (env: Env, args: unknown, sdk: unknown) => unknown, args: string): void;
  reply(id: number, json: string): void;
  fire(id: number): void;
}

export function bootRealm(
  bridge: Bridge,
  makeEnv: (lookup: Lookup) => Env,
  global: Record<string, unknown>,
): Realm {
  'use strict';
  // Taken before tool code can replace them.
  const { parse, stringify } = JSON;
  const { freeze, defineProperty, create } = Object;
  const { apply } = Reflect;
  const [PromiseType, ErrorType, StringOf, isArray] = [Promise, Error, String, Array.isArray];
  const then = Reflect.get(Promise.prototype, 'then') as (this: unknown, ...callbacks: unknown[]) => unknown;
  const { lookup, log, progress, http, timer, clearTimer, done, failed } = bridge;
  const waiting: Record<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }> =
    create(null);
  const timers: Record<number, () => void> = create(null);
  let nextId = 1;

  /** Calls the host and replaces whatever it throws (a stack overflow, say) by an error of this realm. */
  const guarded = <T>(call: () => T): T => {
    try {
      return call();
    } catch {
      throw new ErrorType('the call to the runner failed');
    }
  };
  const text = (value: unknown): string => {
    if (typeof value === 'string') return value;
    try {
      if (value instanceof ErrorType) return StringOf(value.stack ?? value);
      return stringify(value) ?? StringOf(value);
    } catch {
      return '[unprintable]';
    }
  };
  const line = (values: unknown[]): string => {
    let joined = '';
    for (let i = 0; i < values.length; i += 1) joined += (i > 0 ? ' ' : '') + text(values[i]);
    return joined;
  };
  const hidden = (name: string, value: unknown): void => {
    defineProperty(global, name, { value, writable: true, configurable: true, enumerable: false });
  };

  const console: Record<string, unknown> = {};
  const levels = { debug: 'debug', trace: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error' };
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...values: unknown[]): void => guarded(() => log(level, line(values)));
  }
  hidden('console', console);
  hidden(
    'setTimeout',
    (callback: (...values: unknown[]) => void, ms?: unknown, ...values: unknown[]): number => {
      if (typeof callback !== 'function')
        throw new TypeError('setTimeout: the first argument is no function');
      const id = nextId++;
      timers[id] = (): void => apply(callback, undefined, values);
      const wait = Number(ms) || 0;
      guarded(() => timer(id, wait));
      return id;
    },
  );
  hidden('clearTimeout', (id: unknown): void => {
    if (typeof id !== 'number') return;
    delete timers[id];
    guarded(() => clearTimer(id));
  });

  /** The answer of sdk.http: `{status, headers, body, url, text(), json()}`. */
  const response = (value: unknown): unknown => {
    const answer = value as Record<string, unknown> & { body: string };
    const { body } = answer;
    defineProperty(answer, 'text', { value: () => body, enumerable: false });
    defineProperty(answer, 'json', { value: () => parse(body) as unknown, enumerable: false });
    return answer;
  };
  const ask = (json: string): Promise<unknown> =>
    new PromiseType((resolve, reject) => {
      const id = nextId++;
      waiting[id] = { resolve, reject };
      guarded(() => http(id, json));
    });
  const sdk = freeze({
    http: async (request: unknown): Promise<unknown> => response(await ask(stringify(request) ?? 'null')),
    progress: (value: unknown, total?: unknown, message?: unknown): void => {
      const json = stringify({ progress: value, total, message });
      guarded(() => progress(json));
    },
    log: (...values: unknown[]): void => guarded(() => log('info', line(values))),
  });

  const fail = (thrown: unknown): void => {
    let error = { name: 'Error', message: 'the thrown value cannot be read', stack: '' };
    try {
      error =
        thrown instanceof ErrorType
          ? { name: StringOf(thrown.name), message: StringOf(thrown.message), stack: StringOf(thrown.stack) }
          : { name: 'Error', message: text(thrown), stack: '' };
    } catch {
      // A getter or proxy of the tool threw in its turn: the words above stay.
    }
    failed(stringify(error));
  };
  const finish = (value: unknown): void => {
    let json: string | undefined;
    try {
      json = stringify(value);
    } catch (error) {
      fail(error);
      return;
    }
    done(json);
  };

  return {
    run(main, args) {
      try {
        const promise = main(makeEnv(lookup), parse(args), sdk);
        apply(then, promise, [finish, fail]);
      } catch (error) {
        fail(error);
      }
    },
    reply(id, json) {
      const entry = waiting[id];
      if (entry === undefined) return;
      delete waiting[id];
      const answer = parse(json) as { value?: unknown; error?: { name: string; message: string } };
      if (answer.error === undefined || isArray(answer)) {
        entry.resolve(answer.value);
        return;
      }
      const error = new ErrorType(answer.error.message);
      defineProperty(error, 'name', { value: answer.error.name, writable: true, configurable: true });
      entry.reject(error);
    },
    fire(id) {
      const callback = timers[id];
      delete timers[id];
      try {
        callback?.();
      } catch (error) {
        fail(error);
      }
    },
  };
}
