/** Writes what the components of the local node read at their start: certificates, kubeconfigs, settings. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { auditPolicy } from '../api-server.ts';
import { Authority, kubeconfig, writePair, writeServiceAccountKeys, type Subject } from '../pki.ts';
import { run } from '../process.ts';
import { files, identity, kubeconfigOf } from './identity.ts';

/** Reference of the image that holds the namespaces of each pod. */
export const pauseImage = 'mcpcore.local/pause:1';

const clients: Record<string, Subject> = {
  admin: { commonName: 'admin', organization: 'system:masters' },
  'kube-controller-manager': { commonName: 'system:kube-controller-manager' },
  'kube-scheduler': { commonName: 'system:kube-scheduler' },
  'kube-proxy': { commonName: 'system:kube-proxy' },
  kubelet: { commonName: `system:node:${identity.nodeName}`, organization: 'system:nodes' },
  coredns: { commonName: 'system:coredns' },
};

async function writeCertificates(): Promise<void> {
  const authority = await Authority.create('mcpcore-local');
  const { pki } = files;
  await writeFile(join(pki, 'ca.crt'), authority.certificate);
  await writeFile(join(pki, 'ca.key'), await authority.privateKey(), { mode: 0o600 });
  const apiServer = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost', '127.0.0.1'];
  await writePair(
    join(pki, 'apiserver'),
    await authority.issue({
      commonName: 'kube-apiserver',
      names: [...apiServer, identity.nodeAddress, identity.apiServiceAddress],
    }),
  );
  await writePair(
    join(pki, 'kubelet'),
    await authority.issue({
      commonName: identity.nodeName,
      names: [identity.nodeName, identity.nodeAddress],
    }),
  );
  const reader = { commonName: 'kube-apiserver-kubelet-client', organization: 'system:masters' };
  await writePair(join(pki, 'kubelet-client'), await authority.issue(reader));
  await writeServiceAccountKeys(join(pki, 'service-accounts'));
  for (const [name, subject] of Object.entries(clients)) {
    const text = kubeconfig(identity.apiServerUrl, authority.certificate, await authority.issue(subject));
    await writeFile(kubeconfigOf(name), text, { mode: 0o600 });
  }
}

const kubelet = () => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address: identity.nodeAddress,
  authentication: { anonymous: { enabled: false }, x509: { clientCAFile: join(files.pki, 'ca.crt') } },
  authorization: { mode: 'Webhook' },
  tlsCertFile: join(files.pki, 'kubelet.crt'),
  tlsPrivateKeyFile: join(files.pki, 'kubelet.key'),
  cgroupDriver: 'cgroupfs',
  cgroupRoot: identity.cgroup,
  failCgroupV1: false,
  failSwapOn: false,
  // Lowering it takes a capability that containers of build machines do not have.
  oomScoreAdj: 0,
  clusterDNS: [identity.dnsAddress],
  clusterDomain: 'cluster.local',
  containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
  // The disk belongs to somebody else; a pod is not evicted because that one is nearly full.
  evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  resolvConf: join(files.config, 'resolv.conf'),
  podLogsDir: join(files.state, 'pod-logs'),
  volumePluginDir: join(files.state, 'volume-plugins'),
  serializeImagePulls: false,
});

function containerd(snapshotter: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "${join(files.state, 'containerd')}"
state = "/run/containerd"
[grpc]
  address = "/run/containerd/containerd.sock"
[${cri}]
  sandbox_image = "${pauseImage}"
  # Without CAP_SYS_RESOURCE no process may lower its score, and every sandbox would fail.
  restrict_oom_score_adj = true
[${cri}.containerd]
  snapshotter = "${snapshotter}"
  default_runtime_name = "runc"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
[${cri}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${join(files.config, 'cni')}"
`;
}

/** Point-to-point links are routed, so Services work without the kernel's br_netfilter, which a bridge would need. */
const cni = () => ({
  cniVersion: '0.4.0',
  name: 'mcpcore',
  plugins: [
    {
      type: 'ptp',
      ipMasq: false,
      mtu: 1450,
      ipam: {
        type: 'host-local',
        dataDir: '/run/cni-addresses',
        ranges: [[{ subnet: identity.podRange }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
});

const corefile = () => `.:53 {
  bind ${identity.nodeAddress}
  errors
  health 127.0.0.1:8053
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig ${kubeconfigOf('coredns')}
    pods insecure
    ttl 5
  }
  cache 5
}
`;

/** Overlays do not stack: where the checkout lies on one, images are unpacked by copying. */
async function snapshotter(): Promise<string> {
  const type = await run('stat', ['--file-system', '--format=%T', files.state]);
  return type.startsWith('overlay') ? 'native' : 'overlayfs';
}

/** Writes everything anew under the node's state directory. */
export async function writeConfiguration(): Promise<void> {
  for (const folder of [files.pki, files.config, files.logs, join(files.config, 'cni')]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  await writeCertificates();
  const { config, pki } = files;
  await writeFile(join(pki, 'audit-policy.yaml'), auditPolicy);
  await writeFile(join(config, 'kubelet.json'), JSON.stringify(kubelet(), null, 2));
  await writeFile(join(config, 'containerd.toml'), containerd(await snapshotter()));
  await writeFile(join(config, 'cni', '10-mcpcore.conflist'), JSON.stringify(cni(), null, 2));
  await writeFile(join(config, 'Corefile'), corefile());
  await writeFile(join(config, 'resolv.conf'), 'options ndots:5\n');
}
