/** The supervisor's side of one child: starting it with as little as it needs, one call at a time, ending it. */
import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { McpError } from '../../api/errors.ts';
import type { ChildCommand, ChildEvent } from './child-protocol.ts';
import type { ToolCall, ToolOutcome } from './executor.ts';

export interface ChildLimits {
  /** V8 heap, in MiB. */
  heapMiB: number;
  /** Resident memory, which array buffers count towards too, in MiB. */
  rssMiB: number;
  /** How often resident memory is looked at while a call runs, in milliseconds. */
  pollMs: number;
}

const pageBytes = 4096;

export class Child {
  readonly #process: ChildProcess;
  readonly #limits: ChildLimits;
  readonly #known = new Set<string>();
  #revision = -1;
  /** Calls that it has begun. */
  calls = 0;
  /** Resolves when it can take a call; rejects with ToolCrashed when it ends before. */
  readonly started: Promise<void>;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;

  constructor(limits: ChildLimits) {
    this.#limits = limits;
    this.#process = spawnChild(limits);
    this.ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      this.#process.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    });
    this.started = new Promise((resolve, reject) => {
      this.#process.once('message', () => resolve());
      void this.ended.then((problem) => reject(new McpError('ToolCrashed', { problem })));
    });
    this.started.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Ends it at once; nothing that tool code does can delay that. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /**
   * Runs a call. Whatever rejects has killed the child.
   *
   * @throws McpError ToolTimeout | ToolCrashed | ToolCancelled
   */
  async execute(call: ToolCall): Promise<ToolOutcome> {
    this.calls += 1;
    const over = new AbortController();
    const ended = Promise.withResolvers<never>();
    const stop = (error: McpError): void => {
      ended.reject(error);
      this.kill();
    };
    const seconds = call.tool.timeoutMs / 1000;
    const timeout = setTimeout(() => stop(new McpError('ToolTimeout', { seconds })), call.tool.timeoutMs);
    const memory = setInterval(() => {
      if (this.#residentMiB() > this.#limits.rssMiB) stop(outOfMemory(this.#limits.rssMiB));
    }, this.#limits.pollMs);
    const cancel = (): void => stop(new McpError('ToolCancelled'));
    call.signal.addEventListener('abort', cancel, { once: true });
    void this.ended.then((problem) =>
      ended.reject(new McpError('ToolCrashed', { problem: describeEnd(problem) })),
    );
    try {
      return await Promise.race([this.#run(call, over.signal), ended.promise]);
    } finally {
      clearTimeout(timeout);
      clearInterval(memory);
      call.signal.removeEventListener('abort', cancel);
      over.abort();
    }
  }

  #run(call: ToolCall, over: AbortSignal): Promise<ToolOutcome> {
    const { revision, values } = call.env();
    if (revision !== this.#revision) this.#send({ type: 'env', revision, values });
    this.#revision = revision;
    return new Promise((resolve) => {
      const onMessage = (event: ChildEvent): void => {
        if (event.type === 'done' || event.type === 'failed') resolve({ ...outcomeOf(event), revision });
        else this.#serve(event, call, over);
      };
      this.#process.on('message', onMessage);
      over.addEventListener('abort', () => this.#process.off('message', onMessage));
      const { name, hash, code } = call.tool;
      const key = `${hash} ${name}`;
      this.#send({ type: 'call', tool: name, hash, args: call.args, ...(!this.#known.has(key) && { code }) });
      this.#known.add(key);
    });
  }

  #serve(event: ChildEvent, { host }: ToolCall, over: AbortSignal): void {
    if (event.type === 'log') host.log(event.level, event.text);
    if (event.type === 'progress') host.progress(event.update);
    if (event.type === 'http') void this.#http(event, host, over);
  }

  async #http(
    event: ChildEvent & { type: 'http' },
    host: ToolCall['host'],
    over: AbortSignal,
  ): Promise<void> {
    const json = await host.http(event.request, over);
    if (!over.aborted) this.#send({ type: 'reply', id: event.id, json });
  }

  #send(command: ChildCommand): void {
    // A channel that closes meanwhile shows as the child's end.
    if (this.#process.connected) this.#process.send(command, () => undefined);
  }

  #residentMiB(): number {
    try {
      const pages = Number(readFileSync(`/proc/${this.pid}/statm`, 'utf8').split(' ')[1]);
      return (pages * pageBytes) / 1024 ** 2;
    } catch {
      return 0;
    }
  }
}

function outcomeOf(event: ChildEvent & { type: 'done' | 'failed' }): Omit<ToolOutcome, 'revision'> {
  const { missingKeys } = event;
  if (event.type === 'failed') return { error: event.error, missingKeys };
  return { missingKeys, ...(event.result !== undefined && { result: event.result }) };
}

function outOfMemory(limit: number): McpError {
  return new McpError('ToolCrashed', { problem: `it used more than ${limit} MiB of memory` });
}

/** V8 aborts when its heap is full, which is what an abort of a child nearly always is. */
function describeEnd(problem: string): string {
  return problem === 'SIGABRT' || problem === 'exit code 134' ? 'it ran out of heap memory' : problem;
}

function spawnChild({ heapMiB }: ChildLimits): ChildProcess {
  const entry = childEntry();
  return fork(entry.file, {
    env: {},
    cwd: '/',
    execArgv: [
      '--permission',
      `--allow-fs-read=${entry.readable}`,
      '--disallow-code-generation-from-strings',
      `--max-old-space-size=${heapMiB}`,
      '--max-semi-space-size=4',
      '--no-warnings',
      // Lets compile.ts decide what import() gives to tool code.
      '--experimental-vm-modules',
    ],
    serialization: 'json',
    // What V8 prints when it dies could hold pieces of the heap.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
}

/** The bundled child lies beside the bundled supervisor and reads nothing else; from source it reads its sources. */
function childEntry(): { file: string; readable: string } {
  const here = dirname(fileURLToPath(import.meta.url));
  const bundle = join(here, 'tool-child.mjs');
  if (existsSync(bundle)) return { file: bundle, readable: bundle };
  const root = join(here, '..', '..', '..');
  return { file: join(here, 'child-main.ts'), readable: `${root}/*` };
}
