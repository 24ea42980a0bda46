/** A real etcd and a real API server for integration tests, as children of the test's process. */
import type { ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiServerArgs, auditPolicy, etcdArgs } from './api-server.ts';
import { ensurePrograms } from './binaries.ts';
import { endChild, hasEnded, removeAfterwards, startChild } from './child.ts';
import { ensurePackages } from './packages.ts';
import { freePorts } from './ports.ts';
import { checkout } from './paths.ts';
import { Authority, kubeconfig, writePair, writeServiceAccountKeys } from './pki.ts';
import { run, waitFor } from './process.ts';

export interface ControlPlaneOptions {
  /** Write an audit log (Metadata level) to `<dir>/audit.log`. */
  audit?: boolean;
  /** Verbosity of the API server's log; 2 unless told. */
  verbosity?: number;
  extraApiServerArgs?: readonly string[];
}

export interface ControlPlane {
  /** Path of a kubeconfig with the rights of cluster-admin. */
  readonly kubeconfig: string;
  /** Address of the API server. */
  readonly url: string;
  /** Temporary directory of everything; gone after `stop`. */
  readonly dir: string;
  readonly etcdDir: string;
  readonly apiserverLog: string;
  readonly auditLog: string;
  /** Path of kubectl, and its output for the given arguments as cluster-admin. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Applies `crds/` and waits until the API server serves them. */
  installCrds(): Promise<void>;
  /** Path of a kubeconfig for another user, with the rights that RBAC grants. */
  kubeconfigFor(user: string, group?: string): Promise<string>;
  /** Ends the API server as an update would (SIGTERM); etcd goes on. */
  stopApiServer(): Promise<void>;
  /** Starts it again, on the same port, and waits until it is ready. */
  startApiServer(): Promise<void>;
  /** Ends it as a crash would (SIGKILL). */
  killApiServer(): Promise<void>;
  /** Ends everything and removes every trace. */
  stop(): Promise<void>;
}

/** Documentation address (RFC 5737): the API server refuses to advertise a loopback one, and nobody asks for it. */
const advertiseAddress = '192.0.2.1';

async function writePki(pki: string): Promise<Authority> {
  await mkdir(pki);
  const authority = await Authority.create('mcpcore-test');
  await writeFile(join(pki, 'ca.crt'), authority.certificate);
  const names = ['127.0.0.1', 'localhost', 'kubernetes.default.svc', advertiseAddress];
  await writePair(join(pki, 'apiserver'), await authority.issue({ commonName: 'kube-apiserver', names }));
  await writeServiceAccountKeys(join(pki, 'service-accounts'));
  await writeFile(join(pki, 'audit-policy.yaml'), auditPolicy);
  return authority;
}

class LocalControlPlane implements ControlPlane {
  readonly dir: string;
  readonly url: string;
  readonly kubeconfig: string;
  readonly etcdDir: string;
  readonly apiserverLog: string;
  readonly auditLog: string;
  readonly #authority: Authority;
  readonly #start: { etcd: () => ChildProcess; apiServer: () => ChildProcess };
  readonly #kubectl: string;
  readonly #remove: () => Promise<void>;
  #etcd: ChildProcess | undefined;
  #apiServer: ChildProcess | undefined;

  private constructor(parts: {
    dir: string;
    url: string;
    authority: Authority;
    start: { etcd: () => ChildProcess; apiServer: () => ChildProcess };
    kubectl: string;
    remove: () => Promise<void>;
  }) {
    this.dir = parts.dir;
    this.url = parts.url;
    this.kubeconfig = join(parts.dir, 'kubeconfig');
    this.etcdDir = join(parts.dir, 'etcd');
    this.apiserverLog = join(parts.dir, 'kube-apiserver.log');
    this.auditLog = join(parts.dir, 'audit.log');
    this.#authority = parts.authority;
    this.#start = parts.start;
    this.#kubectl = parts.kubectl;
    this.#remove = parts.remove;
  }

  static async launch(options: ControlPlaneOptions): Promise<LocalControlPlane> {
    await ensurePackages('etcd-server');
    const programs = await ensurePrograms('kube-apiserver', 'kubectl');
    const dir = await mkdtemp(join(tmpdir(), 'mcpcore-control-plane-'));
    const remove = removeAfterwards(dir);
    const [port = 0, etcdPort = 0, peerPort = 0] = await freePorts(3);
    const pki = join(dir, 'pki');
    const authority = await writePki(pki);
    const etcdUrl = `http://127.0.0.1:${etcdPort}`;
    const url = `https://127.0.0.1:${port}`;
    const etcd = etcdArgs({
      dataDir: join(dir, 'etcd'),
      clientUrl: etcdUrl,
      peerUrl: `http://127.0.0.1:${peerPort}`,
    });
    const apiServer = apiServerArgs({
      pki,
      etcdUrl,
      bindAddress: '127.0.0.1',
      advertiseAddress,
      port,
      serviceRange: '198.51.100.0/24',
      verbosity: options.verbosity ?? 2,
      auditLog: options.audit ? join(dir, 'audit.log') : undefined,
    });
    // No controller manager runs here that would make the default ServiceAccount of a namespace.
    apiServer.push('--disable-admission-plugins=ServiceAccount', ...(options.extraApiServerArgs ?? []));
    const plane = new LocalControlPlane({
      dir,
      url,
      authority,
      kubectl: programs.kubectl,
      remove,
      start: {
        etcd: () => startChild('etcd', etcd, join(dir, 'etcd.log')),
        apiServer: () => startChild(programs['kube-apiserver'], apiServer, join(dir, 'kube-apiserver.log')),
      },
    });
    const admin = await authority.issue({ commonName: 'admin', organization: 'system:masters' });
    await writeFile(plane.kubeconfig, kubeconfig(url, authority.certificate, admin), { mode: 0o600 });
    plane.#etcd = plane.#start.etcd();
    try {
      await plane.startApiServer();
    } catch (error) {
      await plane.stop();
      throw error;
    }
    return plane;
  }

  kubectl(args: readonly string[], input?: string): Promise<string> {
    return run(this.#kubectl, args, {
      env: { ...process.env, HOME: this.dir, KUBECONFIG: this.kubeconfig },
      ...(input === undefined ? {} : { input }),
    });
  }

  async installCrds(): Promise<void> {
    await this.kubectl(['apply', '--server-side', '-f', join(checkout, 'crds')]);
    await this.kubectl([
      'wait',
      '--for=condition=Established',
      '-f',
      join(checkout, 'crds'),
      '--timeout=30s',
    ]);
    // The schemas are published a little later than the kinds are served, each on its own.
    for (const kind of ['mcpservers', 'mcpsecrets', 'mcpenvironments']) {
      await waitFor(`schema of ${kind} published`, () =>
        this.kubectl(['explain', `${kind}.spec`]).then(Boolean, () => false),
      );
    }
  }

  async kubeconfigFor(user: string, group?: string): Promise<string> {
    const path = join(this.dir, `kubeconfig-${user.replace(/[^\w.-]/g, '_')}`);
    const subject = { commonName: user, ...(group === undefined ? {} : { organization: group }) };
    const client = await this.#authority.issue(subject);
    await writeFile(path, kubeconfig(this.url, this.#authority.certificate, client), { mode: 0o600 });
    return path;
  }

  async stopApiServer(): Promise<void> {
    await endChild(this.#apiServer, 'SIGTERM');
  }

  async killApiServer(): Promise<void> {
    await endChild(this.#apiServer, 'SIGKILL');
  }

  async startApiServer(): Promise<void> {
    if (this.#apiServer && !hasEnded(this.#apiServer)) return;
    const child = this.#start.apiServer();
    this.#apiServer = child;
    await waitFor('API server ready', () => this.#isReady(child), { timeoutMs: 90_000, everyMs: 100 });
  }

  async #isReady(child: ChildProcess): Promise<boolean> {
    if (hasEnded(child)) {
      const log = await readFile(this.apiserverLog, 'utf8');
      throw new Error(`the API server ended: ${log.slice(-2000)}`);
    }
    // Ready comes only after the hooks that make the built-in roles and priority classes.
    return (await this.kubectl(['get', '--raw', '/readyz'])) === 'ok';
  }

  async stop(): Promise<void> {
    await endChild(this.#apiServer, 'SIGKILL');
    await endChild(this.#etcd, 'SIGKILL');
    await this.#remove();
  }
}

/** Starts etcd and the API server on free ports of the loopback and waits until they are ready. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  return LocalControlPlane.launch(options);
}
