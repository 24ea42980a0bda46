/**
 * Runs inside the node's namespaces: starts the components, starts again what ended by itself, and takes commands
 * over a unix socket: GET /status, POST /start/NAME, POST /stop/NAME/SIGNAL.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { waitFor } from '../process.ts';
import { components, type Component } from './components.ts';
import { files, identity } from './identity.ts';

/** What is told about a component. */
export interface ComponentStatus {
  running: boolean;
  /** How often it ended without being told to. */
  crashes: number;
}

class Supervised {
  readonly component: Component;
  crashes = 0;
  #child: ChildProcess | undefined;
  #wanted = false;

  constructor(component: Component) {
    this.component = component;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  start(): void {
    this.#wanted = true;
    if (this.#child) return;
    const { name, command, args } = this.component;
    const log = openSync(join(files.logs, `${name}.log`), 'a');
    const child = spawn(command, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    child.once('error', () => this.#ended());
    child.once('exit', () => this.#ended());
  }

  #ended(): void {
    this.#child = undefined;
    if (!this.#wanted) return;
    this.crashes += 1;
    setTimeout(() => this.#wanted && this.start(), Math.min(5000, 250 * 2 ** this.crashes));
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    if (!child) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
}

async function apiServerReady(): Promise<boolean> {
  const ca = await readFile(join(files.pki, 'ca.crt'));
  return new Promise((resolve) => {
    const probe = request(`${identity.apiServerUrl}/readyz`, { ca, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    probe.on('error', () => resolve(false));
    probe.end();
  });
}

function status(all: ReadonlyMap<string, Supervised>): Record<string, ComponentStatus> {
  return Object.fromEntries([...all].map(([name, { running, crashes }]) => [name, { running, crashes }]));
}

/** Carries out one command and returns the status code. */
async function command(all: ReadonlyMap<string, Supervised>, path: string): Promise<number> {
  const [, verb, name = '', signal] = path.split('/');
  const target = all.get(name);
  if (!target) return 404;
  if (verb === 'start') target.start();
  else if (verb === 'stop') await target.stop(signal as NodeJS.Signals);
  else return 404;
  return 200;
}

const all = new Map((await components()).map((component) => [component.name, new Supervised(component)]));

rmSync(files.control, { force: true });
createServer((incoming, answer) => {
  const { method, url = '/' } = incoming;
  incoming.resume();
  const done = method === 'POST' ? command(all, url) : Promise.resolve(200);
  done
    .catch(() => 500)
    .then((code) => answer.writeHead(code).end(JSON.stringify(status(all))))
    .catch(() => answer.destroy());
}).listen(files.control);

for (const one of all.values()) if (!one.component.afterApiServer) one.start();
await waitFor('API server ready', apiServerReady, { timeoutMs: 120_000, everyMs: 200 });
for (const one of all.values()) if (one.component.afterApiServer) one.start();
