/**
 * Runs a user's program in a pod of a server: waits for the values, starts the program, gives its Node processes the
 * values of the moment, redacts what it writes, ends as it ends.
 *
 * The order for a new state: the redactor learns the values, the Node processes get them, and when each of them says
 * that it uses them, the gateway is told.
 */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { Redactor } from '../../redaction/redactor.ts';
import { EnvClient } from '../env/client.ts';
import type { EnvState } from '../env/state.ts';
import { EnvStore } from '../env/store.ts';
import type { LauncherConfig } from './config.ts';
import { EnvServer } from './env-server.ts';
import { createLauncherLog, type LauncherLog } from './log.ts';
import { Program, type Ending } from './program.ts';

export interface LauncherOptions extends LauncherConfig {
  env: NodeJS.ProcessEnv;
  stdout: Writable;
  stderr: Writable;
  /** How often it says that it still waits, in milliseconds. */
  waitLogMs?: number;
}

export class Launcher {
  readonly log: LauncherLog;
  readonly #options: LauncherOptions;
  readonly #redactor = new Redactor();
  readonly #client: EnvClient;
  readonly #server: EnvServer;
  readonly #store: EnvStore;
  readonly #stop = new AbortController();
  #program: Program | undefined;

  constructor(options: LauncherOptions) {
    this.#options = options;
    this.log = createLauncherLog(
      (text) => this.#redactor.redactText(text),
      (line) => void options.stderr.write(line),
    );
    this.#client = new EnvClient({ ...options, wantTools: false, log: this.log });
    this.#server = new EnvServer((revision) => this.#client.ack(revision));
    this.#store = new EnvStore({
      redactor: this.#redactor,
      ack: () => {
        if (this.#store.current) this.#server.publish(this.#store.current);
      },
    });
  }

  /** Passes a signal to the program; false when there is none. */
  kill(signal: NodeJS.Signals): boolean {
    return this.#program?.kill(signal) ?? false;
  }

  /**
   * Runs the program to its end.
   * @throws the error of the operating system when it can't be started
   */
  async run(): Promise<Ending> {
    const { command, args, env, socketPath, stdout, stderr } = this.#options;
    try {
      await this.#server.listen(socketPath);
      await this.#firstState();
      this.#program = new Program({
        command,
        args,
        env: { ...env, MCPCORE_SOCKET: socketPath },
        redacting: () => this.#redactor.stream(),
        stdout,
        stderr,
      });
      return await this.#program.ended();
    } finally {
      this.#stop.abort();
      this.#server.close();
    }
  }

  /** Fails closed: without values there is no program, for as long as it takes. */
  async #firstState(): Promise<void> {
    const { namespace, server, waitLogMs = 10_000 } = this.#options;
    const start = performance.now();
    const waiting = setInterval(() => {
      const seconds = Math.round((performance.now() - start) / 1000);
      this.log.warn({ namespace, server, seconds }, 'waiting for the values before the program is started');
    }, waitLogMs);
    try {
      const first = once(this.#client, 'env');
      this.#client.on('env', (state) => this.#apply(state));
      this.#client.start(this.#stop.signal);
      await first;
    } finally {
      clearInterval(waiting);
    }
  }

  #apply(state: EnvState): void {
    const news = state.revision !== this.#store.current?.revision;
    this.#store.apply(state);
    if (!news) return;
    this.log.info({ revision: state.revision, keys: Object.keys(state.values).length }, 'values in use');
    for (const { key, reason } of this.#redactor.unredactable()) {
      this.log.warn({ key, reason }, 'not redacted in what the program writes');
    }
  }
}
