/** The part of a Pod that the review reads and writes, and the ways to add to it without disturbing the rest. */
import { McpError } from '../../api/errors.ts';
import type { KubeObject } from '../../api/object-meta.ts';
import type { PatchOperation } from './review.ts';

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: unknown;
}

export interface VolumeMount {
  name: string;
  mountPath: string;
  readOnly?: boolean;
}

export interface Container {
  name: string;
  command?: string[];
  env?: EnvVar[];
  volumeMounts?: VolumeMount[];
  [field: string]: unknown;
}

export interface Volume {
  name: string;
  [source: string]: unknown;
}

export interface Pod extends KubeObject {
  spec: {
    serviceAccountName?: string;
    containers: Container[];
    initContainers?: Container[];
    volumes?: Volume[];
    hostNetwork?: boolean;
    nodeSelector?: Record<string, string>;
    os?: { name?: string };
  };
}

/** A refusal that says what to change. */
export function invalidPod(field: string, problem: string): McpError {
  return new McpError('InvalidPod', { field, problem });
}

/** Operations that append to a list, or make it when there is none; RFC 6902 has no other way. */
export function append(
  path: string,
  list: readonly unknown[] | undefined,
  items: readonly unknown[],
): PatchOperation[] {
  if (items.length === 0) return [];
  if (!list) return [{ op: 'add', path, value: items }];
  return items.map((value) => ({ op: 'add', path: `${path}/-`, value }));
}

/** True when `actual` says all that `wanted` says; the API server's defaults may say more. */
export function contains(actual: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return actual === wanted;
  if (typeof actual !== 'object' || actual === null) return false;
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(actual) &&
      actual.length === wanted.length &&
      wanted.every((item, index) => contains(actual[index], item))
    );
  }
  return Object.entries(wanted).every(([key, value]) =>
    contains((actual as Record<string, unknown>)[key], value),
  );
}
