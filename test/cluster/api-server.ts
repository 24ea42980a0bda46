/** Arguments of etcd and of the API server, the same for integration tests and for the local cluster. */
import { join } from 'node:path';
import { stringify } from 'yaml';

/** Metadata level: who did what to which object, never a request's body. */
export const auditPolicy = stringify({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
});

export interface EtcdSettings {
  dataDir: string;
  clientUrl: string;
  peerUrl: string;
}

export function etcdArgs({ dataDir, clientUrl, peerUrl }: EtcdSettings): string[] {
  return [
    '--name=default',
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--unsafe-no-fsync',
    '--auto-compaction-retention=1h',
    '--logger=zap',
    '--log-level=warn',
  ];
}

export interface ApiServerSettings {
  /** Folder with ca.crt, apiserver.{crt,key}, service-accounts.{pub,key} and audit-policy.yaml. */
  pki: string;
  etcdUrl: string;
  bindAddress: string;
  /** Address that other parts reach it by; the API server refuses a loopback one. */
  advertiseAddress: string;
  port: number;
  serviceRange: string;
  verbosity: number;
  /** Path of the audit log; without it nothing is audited. */
  auditLog?: string | undefined;
}

export function apiServerArgs(settings: ApiServerSettings): string[] {
  const { pki, auditLog } = settings;
  return [
    `--etcd-servers=${settings.etcdUrl}`,
    `--bind-address=${settings.bindAddress}`,
    `--advertise-address=${settings.advertiseAddress}`,
    `--secure-port=${settings.port}`,
    `--service-cluster-ip-range=${settings.serviceRange}`,
    `--client-ca-file=${join(pki, 'ca.crt')}`,
    `--tls-cert-file=${join(pki, 'apiserver.crt')}`,
    `--tls-private-key-file=${join(pki, 'apiserver.key')}`,
    `--service-account-key-file=${join(pki, 'service-accounts.pub')}`,
    `--service-account-signing-key-file=${join(pki, 'service-accounts.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    '--authorization-mode=Node,RBAC',
    '--allow-privileged=true',
    '--profiling=false',
    `--v=${settings.verbosity}`,
    ...(auditLog
      ? [`--audit-policy-file=${join(pki, 'audit-policy.yaml')}`, `--audit-log-path=${auditLog}`]
      : []),
  ];
}
