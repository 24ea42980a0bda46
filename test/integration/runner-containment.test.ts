import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CallHost, ToolOutcome } from '../../src/runner/tools/executor.ts';
import { ChildPool, defaultPool } from '../../src/runner/tools/pool.ts';

const silent: CallHost = {
  log: () => undefined,
  progress: () => undefined,
  http: () => Promise.resolve('{"value":{"body":""}}'),
};

async function run(
  pool: ChildPool,
  code: string,
  options: { values?: Record<string, string>; revision?: number; host?: CallHost; signal?: AbortSignal } = {},
): Promise<ToolOutcome> {
  const {
    values = { TOKEN: 'a' },
    revision = 1,
    host = silent,
    signal = new AbortController().signal,
  } = options;
  return pool.execute({
    tool: { name: 't', code, hash: createHash('sha256').update(code).digest('hex'), timeoutMs: 5000 },
    args: '{}',
    env: () => ({ revision, values, unredacted: [] }),
    host,
    signal,
  });
}

/** Where a technique would hold something of the host's realm, `reach` tries to get on from there. */
const reach = `
  const reach = (value) => {
    try {
      const found = value.constructor.constructor('return typeof process + typeof require')();
      return 'escaped: ' + found;
    } catch (error) {
      return error instanceof EvalError || error instanceof TypeError ? 'contained' : 'foreign ' + error;
    }
  };`;

const techniques: Record<string, string> = {
  'no globals of Node': `return ['process', 'require', 'module', 'global', 'Buffer', 'fetch', 'setImmediate']
    .filter((name) => name in globalThis).join() || 'contained'`,
  'constructor of the global object': 'return reach(globalThis)',
  'constructor of sdk functions': 'return reach(sdk.http)',
  'constructor of env':
    'return env.constructor === undefined && reach(Object.getPrototypeOf(async () => {}))',
  'constructor of console functions': 'return reach(console.log)',
  'constructor of timers': 'return reach(setTimeout)',
  'constructor of an answer of the host': 'return reach(await sdk.http({ url: "http://x" }))',
  'constructor of a promise of the host': 'return reach(sdk.http({ url: "http://x" }))',
  'constructor of arguments': 'return reach(args)',
  'eval and Function': `try { eval('1'); return 'escaped' } catch {}
    try { new Function('return 1')(); return 'escaped' } catch {}
    return 'contained'`,
  'errors of a full stack': `
    let caught;
    const deep = () => { try { deep() } catch (error) { caught ??= error; console.log('x'); env.X; } };
    try { deep() } catch (error) { caught = error }
    return caught instanceof Error ? reach(caught) : 'foreign error';`,
  'Error.prepareStackTrace': `
    Error.prepareStackTrace = (_, frames) => frames;
    const frames = new Error('x').stack;
    for (const frame of frames) {
      if (frame.getThis() !== undefined && frame.getThis() !== globalThis && typeof frame.getThis() !== 'object') return 'escaped';
      if (typeof frame.getFunction() === 'function' && reach(frame.getFunction()) !== 'contained') return 'escaped';
    }
    return reach(frames);`,
  'a proxy given to the host': `
    const trap = new Proxy(function () {}, { get: (_, key) => { throw { key } }, apply: (...all) => { globalThis.seen = all } });
    try { console.log(trap) } catch {}
    try { sdk.progress(trap) } catch {}
    try { await sdk.http(trap) } catch {}
    return globalThis.seen === undefined ? 'contained' : 'escaped';`,
  'a getter that replaces JSON': `
    JSON.stringify = () => { throw new Error('mine') };
    JSON.parse = () => ({ status: 'forged' });
    Promise.prototype.then = function () { throw new Error('mine') };
    Object.prototype.get = () => 'trap';
    return 'contained';`,
  'import()': `
    const seen = await import('node:fs').then(() => 'escaped', (error) => error);
    return typeof seen === 'string' && seen.startsWith('import() is not') ? reach(import('node:fs').catch(() => 0)) : 'foreign';`,
  WebAssembly: `
    const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
    return WebAssembly.compile(bytes).then(() => 'escaped', () => 'contained');`,
  'listing env': `
    const seen = [];
    for (const name in env) seen.push(name);
    seen.push(...Object.keys(env), ...Reflect.ownKeys(env), ...Object.entries({ ...env }), ...Object.getOwnPropertyNames(env));
    return seen.length === 0 && JSON.stringify(env) === '{}' ? 'contained' : 'escaped';`,
  callers: `
    const outer = function () { return outer.caller };
    try { return outer() === null ? 'contained' : reach(outer()) } catch { return 'contained' }`,
  'closing the function early':
    'return 1 }); globalThis.injected = this; (async function () { return typeof process === "undefined" ? "contained" : "escaped"',
};

describe('tool code', () => {
  let pool: ChildPool;
  beforeAll(async () => {
    pool = new ChildPool({ ...defaultPool, min: 1, max: 1 });
    await pool.start();
  });
  afterAll(() => pool.close());

  it.each(Object.entries(techniques))('is contained: %s', async (_, code) => {
    const { result, error } = await run(pool, code.startsWith('return 1 })') ? code : `${reach}\n${code}`);
    expect(error?.message).toBeUndefined();
    expect(JSON.parse(result ?? '""')).toBe('contained');
  });

  it('leaves nothing for the next call', async () => {
    await run(
      pool,
      'globalThis.left = 1; Array.prototype.left = 1; Object.prototype.left = 1; console.left = 1',
    );
    const { result } = await run(pool, 'return [typeof left, [].left, ({}).left, console.left]');
    expect(JSON.parse(result ?? '')).toEqual(['undefined', null, null, null]);
  });

  it('cannot go on after its call, nor speak in the next one', async () => {
    const lines: string[] = [];
    const host: CallHost = { ...silent, log: (_, text) => lines.push(text) };
    await run(
      pool,
      'setTimeout(() => console.log("late"), 1); (async () => { for (let i = 0; i < 1e3; i += 1) { await 0; console.log("late") } })(); return 1',
      { host },
    );
    lines.length = 0;
    await run(pool, 'await new Promise((r) => setTimeout(r, 30))', { host });
    expect(lines).toEqual([]);
  });

  it('survives rejections that nobody handles', async () => {
    const [pid] = pool.pids();
    await run(pool, 'Promise.reject(new Error("x")); await new Promise((r) => setTimeout(r, 5))');
    expect((await run(pool, 'return 1')).result).toBe('1');
    expect(pool.pids()).toEqual([pid]);
  });

  it('reads the values of its own revision only', async () => {
    const code = 'return [env.A, env.B]';
    expect((await run(pool, code, { revision: 2, values: { A: '1' } })).result).toBe('["1",null]');
    expect((await run(pool, code, { revision: 3, values: { B: '2' } })).result).toBe('[null,"2"]');
  });

  it('is refused when its result is too large or no JSON', async () => {
    expect((await run(pool, 'return "x".repeat(5e6)')).error?.name).toBe('RangeError');
    expect((await run(pool, 'const a = {}; a.a = a; return a')).error?.name).toBe('TypeError');
    expect((await run(pool, 'return 1n')).error?.name).toBe('TypeError');
  });

  it('names the line of a syntax error', async () => {
    const { error } = await run(pool, '\nlet x = ;');
    expect(error).toMatchObject({ name: 'SyntaxError', frames: ['2'] });
  });
});

describe('ChildPool', () => {
  it('starts its processes with an empty environment and confined', async () => {
    const pool = new ChildPool({ ...defaultPool, min: 1, max: 1 });
    try {
      await pool.start();
      const [pid] = pool.pids();
      const environ = await readFile(`/proc/${pid}/environ`, 'utf8');
      // fork() itself names the channel.
      const names = environ.split('\0').flatMap((entry) => entry.split('=')[0] ?? []);
      expect(new Set(names)).toEqual(new Set(['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', '']));
      const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
      expect(command).toContain('--permission');
      expect(command).toContain('--disallow-code-generation-from-strings');
      expect(command.filter((word) => word.startsWith('--allow'))).toHaveLength(1);
    } finally {
      pool.close();
    }
  });

  it('renews a process after its calls', async () => {
    const pool = new ChildPool({ ...defaultPool, min: 1, max: 1, callsPerChild: 2 });
    try {
      await pool.start();
      const seen = new Set<number>();
      for (let i = 0; i < 6; i += 1) {
        expect((await run(pool, 'return 1')).result).toBe('1');
        for (const pid of pool.pids()) seen.add(pid);
      }
      expect(seen.size).toBeGreaterThanOrEqual(3);
      expect(pool.pids()).toHaveLength(1);
    } finally {
      pool.close();
    }
  });

  it('lets calls wait, as many as it may, and lets them go when they are cancelled', async () => {
    const pool = new ChildPool({ ...defaultPool, min: 1, max: 1, maxWaiting: 1 });
    try {
      await pool.start();
      const stop = new AbortController();
      const running = run(pool, 'await new Promise(() => {})', { signal: stop.signal });
      const waitingStop = new AbortController();
      const waiting = run(pool, 'return 1', { signal: waitingStop.signal });
      await expect(run(pool, 'return 1')).rejects.toMatchObject({ code: 'ToolBusy' });
      waitingStop.abort();
      await expect(waiting).rejects.toMatchObject({ code: 'ToolCancelled' });
      const next = run(pool, 'return env.TOKEN', { revision: 9, values: { TOKEN: 'newest' } });
      stop.abort();
      await expect(running).rejects.toMatchObject({ code: 'ToolCancelled' });
      expect((await next).result).toBe('"newest"');
    } finally {
      pool.close();
    }
  });

  it('ends calls in flight when it is closed', async () => {
    const pool = new ChildPool({ ...defaultPool, min: 1, max: 1 });
    await pool.start();
    const running = run(pool, 'await new Promise(() => {})');
    pool.close();
    await expect(running).rejects.toMatchObject({
      code: expect.stringMatching(/ToolCrashed|NotReady/) as string,
    });
    await expect(run(pool, 'return 1')).rejects.toMatchObject({ code: 'NotReady' });
  });
});
