/** The programs of the local node and their arguments. */
import { join } from 'node:path';
import { apiServerArgs, etcdArgs } from '../api-server.ts';
import { ensurePrograms } from '../binaries.ts';
import { files, identity, kubeconfigOf } from './identity.ts';

export interface Component {
  name: string;
  command: string;
  args: string[];
  /** Started once the API server answers; before, it would only end and be started again. */
  afterApiServer: boolean;
}

const pki = (name: string) => join(files.pki, name);
const etcdUrl = 'http://127.0.0.1:2379';

function apiServer(): string[] {
  const args = apiServerArgs({
    pki: files.pki,
    etcdUrl,
    bindAddress: identity.nodeAddress,
    advertiseAddress: identity.nodeAddress,
    port: 6443,
    serviceRange: identity.serviceRange,
    verbosity: 2,
    auditLog: join(files.logs, 'audit.log'),
  });
  return [
    ...args,
    '--audit-log-maxsize=100',
    '--audit-log-maxbackup=2',
    '--enable-admission-plugins=NodeRestriction',
    '--kubelet-preferred-address-types=InternalIP',
    `--kubelet-certificate-authority=${pki('ca.crt')}`,
    `--kubelet-client-certificate=${pki('kubelet-client.crt')}`,
    `--kubelet-client-key=${pki('kubelet-client.key')}`,
  ];
}

const controllerManager = [
  `--kubeconfig=${kubeconfigOf('kube-controller-manager')}`,
  `--service-account-private-key-file=${pki('service-accounts.key')}`,
  `--root-ca-file=${pki('ca.crt')}`,
  `--cluster-signing-cert-file=${pki('ca.crt')}`,
  `--cluster-signing-key-file=${pki('ca.key')}`,
  '--use-service-account-credentials=true',
  '--leader-elect=false',
  '--bind-address=127.0.0.1',
];

const scheduler = [
  `--kubeconfig=${kubeconfigOf('kube-scheduler')}`,
  '--leader-elect=false',
  '--bind-address=127.0.0.1',
];

const kubelet = [
  `--kubeconfig=${kubeconfigOf('kubelet')}`,
  `--config=${join(files.config, 'kubelet.json')}`,
  `--root-dir=${join(files.state, 'kubelet')}`,
  `--cert-dir=${files.pki}`,
  `--hostname-override=${identity.nodeName}`,
  `--node-ip=${identity.nodeAddress}`,
];

const proxy = [
  `--kubeconfig=${kubeconfigOf('kube-proxy')}`,
  `--hostname-override=${identity.nodeName}`,
  `--bind-address=${identity.nodeAddress}`,
  `--cluster-cidr=${identity.podRange}`,
  '--proxy-mode=iptables',
  '--conntrack-max-per-core=0',
  '--oom-score-adj=0',
];

/** In the order of their start. */
export async function components(): Promise<Component[]> {
  const names = [
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kubelet',
    'kube-proxy',
    'coredns',
  ] as const;
  const programs = await ensurePrograms(...names);
  const own = (name: (typeof names)[number], args: string[], afterApiServer = true): Component => ({
    name,
    command: programs[name],
    args,
    afterApiServer,
  });
  const etcd = etcdArgs({
    dataDir: join(files.state, 'etcd'),
    clientUrl: etcdUrl,
    peerUrl: 'http://127.0.0.1:2380',
  });
  const containerd = ['--config', join(files.config, 'containerd.toml')];
  return [
    { name: 'etcd', command: 'etcd', args: etcd, afterApiServer: false },
    { name: 'containerd', command: 'containerd', args: containerd, afterApiServer: false },
    own('kube-apiserver', apiServer(), false),
    own('kube-controller-manager', controllerManager),
    own('kube-scheduler', scheduler),
    own('kube-proxy', proxy),
    own('coredns', ['-conf', join(files.config, 'Corefile')]),
    own('kubelet', kubelet),
  ];
}
