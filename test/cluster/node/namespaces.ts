/** The namespaces that hold the local node: made, entered, and taken down without a trace. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, run, succeeds, waitFor } from '../process.ts';
import { files, identity } from './identity.ts';

interface Recorded {
  pid: number;
  /** Start time in the kernel's ticks: tells the process from a later one with the same id. */
  started: string;
}

/** Field 22 of /proc/PID/stat, counted behind the program's name, which may hold spaces. */
function startTime(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Process id, as the host sees it, of the node's first process; undefined when there is none. */
export function nodePid(): number | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(files.process, 'utf8')) as Recorded;
    return startTime(pid) === started ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Arguments that run a command inside the running node; `parts` are nsenter's flags. */
export function enterArgs(parts: readonly string[], command: readonly string[]): string[] {
  const pid = nodePid();
  if (pid === undefined) throw new Error('the local cluster does not run; start it with make cluster');
  return ['--target', String(pid), ...parts, '--', ...command];
}

/** Runs a command inside all of the node's namespaces and returns its output. */
export function runInNode(command: readonly string[], input?: string): Promise<string> {
  const args = enterArgs(['--mount', '--net', '--pid'], command);
  return run('nsenter', args, input === undefined ? {} : { input });
}

const ip = (...args: string[]) => run('ip', args);
const inNetwork = (...args: string[]) => run('ip', ['-n', identity.namespace, ...args]);

async function assertNetworkIsFree(): Promise<void> {
  const routes = await ip('-4', 'route', 'show', 'root', identity.network);
  if (routes.trim() === '') return;
  throw new Error(`the addresses ${identity.network} are in use on this machine: ${routes.trim()}`);
}

async function makeNetwork(): Promise<void> {
  const { namespace, hostLink, nodeLink, hostAddress, nodeAddress, linkPrefix, network } = identity;
  await assertNetworkIsFree();
  await ip('netns', 'add', namespace);
  await ip('link', 'add', hostLink, 'type', 'veth', 'peer', 'name', nodeLink, 'netns', namespace);
  await ip('address', 'add', `${hostAddress}/${linkPrefix}`, 'dev', hostLink);
  await ip('link', 'set', hostLink, 'up');
  await inNetwork('link', 'set', 'lo', 'up');
  await inNetwork('address', 'add', `${nodeAddress}/${linkPrefix}`, 'dev', nodeLink);
  await inNetwork('link', 'set', nodeLink, 'up');
  await inNetwork('route', 'add', 'default', 'via', hostAddress);
  await ip('route', 'add', network, 'via', nodeAddress);
}

const cgroupRoot = '/sys/fs/cgroup';

/** The node's directory in every cgroup hierarchy of this machine (one, under version 2). */
async function cgroups(): Promise<string[]> {
  const names = await readdir(cgroupRoot, { withFileTypes: true });
  const unified = names.some(({ name }) => name === 'cgroup.controllers');
  const roots = unified ? [''] : names.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  return roots.map((name) => join(cgroupRoot, name, identity.cgroup));
}

async function removeCgroup(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeCgroup(join(folder, entry.name));
  // The kernel lets go of a cgroup a moment after its last process is gone.
  await waitFor(
    `cgroup ${folder} removed`,
    () =>
      rmdir(folder).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
      ),
    { timeoutMs: 20_000 },
  );
}

async function recordFirstProcess(launcher: number): Promise<void> {
  const children = `/proc/${launcher}/task/${launcher}/children`;
  const pid = await waitFor(
    'namespaces of the node',
    () => {
      if (!isAlive(launcher)) throw new Error('the node ended at its start; see .local/cluster/logs');
      return Number(readFileSync(children, 'utf8').trim().split(' ')[0]) || undefined;
    },
    { timeoutMs: 10_000 },
  );
  const record: Recorded = { pid, started: startTime(pid) ?? '' };
  await writeFile(files.process, JSON.stringify(record));
}

/**
 * Makes the cgroups of the pods. All pods together weigh as much as eight busy processes of this machine, so that
 * a test run beside them does not starve them until their probes fail.
 */
async function makeCgroups(): Promise<void> {
  for (const folder of await cgroups()) {
    await mkdir(folder, { recursive: true });
    const shares = join(folder, 'cpu.shares');
    if (existsSync(shares)) await writeFile(shares, '8192');
    const weight = join(folder, 'cpu.weight');
    if (existsSync(weight)) await writeFile(weight, '800');
  }
}

/** Makes the namespaces and starts the supervisor inside. Its configuration is written before. */
export async function startNode(): Promise<void> {
  await makeNetwork();
  await makeCgroups();
  const log = openSync(join(files.logs, 'supervisor.log'), 'a');
  const isolate = ['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--mount-proc'];
  const script = join(import.meta.dirname, 'enter.sh');
  const supervisor = join(import.meta.dirname, 'supervisor.ts');
  const child = spawn(
    'nsenter',
    [`--net=/run/netns/${identity.namespace}`, ...isolate, script, process.execPath, supervisor],
    { cwd: '/', detached: true, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  child.unref();
  if (child.pid === undefined) throw new Error('nsenter could not be started');
  await recordFirstProcess(child.pid);
}

/**
 * First process of a node whose start was interrupted before it was recorded. Pods have network namespaces of their
 * own, so only parts of the node are in this one.
 */
async function unrecordedPid(): Promise<number | undefined> {
  const inside = await ip('netns', 'pids', identity.namespace).catch(() => '');
  return inside.split('\n').map(Number).find(isFirstProcess);
}

/** Whether a process is number 1 of a process namespace within ours. */
function isFirstProcess(pid: number): boolean {
  if (pid === 0) return false;
  const ids = /^NSpid:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]?.split('\t') ?? [];
  return ids.length > 1 && ids.at(-1) === '1';
}

/**
 * Ends the node and removes all that it left: the end of its first process ends every process inside, and with
 * them go the mounts. Works on the remains of a node that crashed, too.
 */
export async function removeNode(): Promise<void> {
  const pid = nodePid() ?? (await unrecordedPid());
  if (pid !== undefined) {
    process.kill(pid, 'SIGKILL');
    await waitFor('end of the node', () => !isAlive(pid), { timeoutMs: 60_000 });
  }
  if (await succeeds('ip', ['link', 'show', identity.hostLink]))
    await ip('link', 'delete', identity.hostLink);
  const names = await ip('netns', 'list').catch(() => '');
  if (names.includes(identity.namespace)) await ip('netns', 'delete', identity.namespace);
  for (const folder of await cgroups()) await removeCgroup(folder);
  rmSync(files.control, { force: true });
  rmSync(files.state, { recursive: true, force: true });
}
