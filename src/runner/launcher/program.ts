/**
 * The user's program as a child process: it has our standard input, and its output passes redaction. Its output is
 * pipes, never a terminal, also where ours is one. Back-pressure goes through: while our output is not read, neither
 * is the program's.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable, Transform, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProgramOptions {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  /** A new redacting stream. */
  redacting: () => Transform;
  stdout: Writable;
  stderr: Writable;
  /** For output that a process of the program's, which outlives it, keeps open; in milliseconds. */
  lingerMs?: number;
}

export type Ending = { code: number } | { signal: NodeJS.Signals };

export class Program {
  readonly #child: ChildProcess;
  readonly #outputs: Output[];
  readonly #lingerMs: number;

  constructor(options: ProgramOptions) {
    this.#lingerMs = options.lingerMs ?? 500;
    this.#child = spawn(options.command, options.args, {
      env: options.env,
      stdio: ['inherit', 'pipe', 'pipe'],
    });
    this.#outputs = [
      new Output(this.#child.stdout, options.redacting(), options.stdout),
      new Output(this.#child.stderr, options.redacting(), options.stderr),
    ];
  }

  kill(signal: NodeJS.Signals): boolean {
    return this.#child.kill(signal);
  }

  /**
   * How the program ended, after all that it wrote is written.
   * @throws the error of the operating system when it can't be started; `code` is ENOENT or EACCES
   */
  async ended(): Promise<Ending> {
    const ending = await new Promise<Ending>((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('exit', (code, signal) => resolve(signal ? { signal } : { code: code ?? 1 }));
    });
    await Promise.all(this.#outputs.map((output) => output.ended(this.#lingerMs)));
    return ending;
  }
}

/** One output of the program on its way to ours. */
class Output {
  readonly #source: Readable | null;
  readonly #redacting: Transform;
  readonly #done: Promise<void>;
  #active = 0;

  constructor(source: Readable | null, redacting: Transform, destination: Writable) {
    this.#source = source;
    this.#redacting = redacting;
    this.#done = finished(redacting, { error: false });
    source?.on('data', () => (this.#active = performance.now()));
    source?.pipe(redacting).pipe(destination, { end: false });
    // Nobody reads any more: the program is to notice, as it would without us.
    destination.once('error', () => {
      source?.destroy();
      redacting.destroy();
    });
  }

  /** Waits for the end of the output, or until it has been silent for so long although it is still open. */
  async ended(lingerMs: number): Promise<void> {
    this.#active = performance.now();
    void this.#giveUpWhenSilent(lingerMs);
    await this.#done;
  }

  async #giveUpWhenSilent(lingerMs: number): Promise<void> {
    for (let left = lingerMs; left > 0; left = this.#active + lingerMs - performance.now()) {
      await delay(left, undefined, { ref: false });
    }
    if (this.#redacting.writableEnded) return;
    this.#source?.unpipe(this.#redacting);
    this.#redacting.end();
  }
}
