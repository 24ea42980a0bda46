/** What one container of a labelled pod is given; the user's own settings stay as they are. */
import { append, contains, invalidPod, type Container, type EnvVar, type VolumeMount } from './pod-object.ts';
import { launcherCommand, preloadOption, socketPath } from './pod-parts.ts';
import type { PatchOperation } from './review.ts';

export interface Injection {
  /** Variables by name. */
  settings: Readonly<Record<string, string>>;
  mounts: readonly VolumeMount[];
  /** Put the launcher in front of the program. */
  launch: boolean;
}

/**
 * Operations for the container at `index`.
 * @throws McpError InvalidPod that says what to change
 */
export function injectContainer(
  container: Container | undefined,
  index: number,
  injection: Injection,
): PatchOperation[] {
  if (!container) return [];
  const path = `/spec/containers/${index}`;
  const settings = injection.launch
    ? { ...injection.settings, MCPCORE_SOCKET: socketPath(container.name) }
    : injection.settings;
  const env = new Map(Object.entries(settings));
  if (injection.launch) env.set('NODE_OPTIONS', nodeOptions(container, index));
  return [
    ...mounts(container, index, injection.mounts),
    ...variables(container.env, `${path}/env`, env),
    ...(injection.launch ? command(container, index) : []),
  ];
}

function mounts(container: Container, index: number, wanted: readonly VolumeMount[]): PatchOperation[] {
  const present = container.volumeMounts;
  const missing = wanted.filter((mount) => {
    const at = present?.findIndex(({ mountPath }) => mountPath === mount.mountPath) ?? -1;
    if (at < 0) return true;
    if (contains(present?.[at], mount)) return false;
    throw invalidPod(
      `spec.containers[${index}].volumeMounts[${at}].mountPath`,
      `${mount.mountPath} is taken by mcpcore; mount elsewhere`,
    );
  });
  return append(`/spec/containers/${index}/volumeMounts`, present, missing);
}

/** Ours win over entries of the same name: they decide whom the program trusts. */
function variables(
  present: EnvVar[] | undefined,
  path: string,
  wanted: ReadonlyMap<string, string>,
): PatchOperation[] {
  const replaced = (present ?? []).flatMap((entry, index): PatchOperation[] => {
    const value = wanted.get(entry.name);
    if (value === undefined || (entry.value === value && entry.valueFrom === undefined)) return [];
    return [{ op: 'replace', path: `${path}/${index}`, value: { name: entry.name, value } }];
  });
  const names = new Set(present?.map(({ name }) => name));
  const missing = [...wanted].filter(([name]) => !names.has(name));
  return [
    ...replaced,
    ...append(
      path,
      present,
      missing.map(([name, value]) => ({ name, value })),
    ),
  ];
}

/** The user's options with ours behind them. */
function nodeOptions({ name, env = [] }: Container, index: number): string {
  // Of several entries with one name the last counts.
  const entry = env.findLast((variable) => variable.name === 'NODE_OPTIONS');
  if (entry?.valueFrom !== undefined) {
    throw invalidPod(
      `spec.containers[${index}].env[NODE_OPTIONS]`,
      `container ${name} takes NODE_OPTIONS from another object, and mcpcore has to add an option to it; write its value here`,
    );
  }
  const options = entry?.value ?? '';
  if (options.split(/\s+/).includes(preloadOption)) return options;
  return options === '' ? preloadOption : `${options} ${preloadOption}`;
}

function command({ name, command = [] }: Container, index: number): PatchOperation[] {
  const path = `/spec/containers/${index}/command`;
  if (command.length === 0) {
    throw invalidPod(
      `spec.containers[${index}].command`,
      `container ${name} has no command; set spec.containers[${index}].command to the image's entrypoint, which the API server cannot see, so that mcpcore's launcher can start it`,
    );
  }
  if (launcherCommand.every((part, position) => command[position] === part)) return [];
  return [{ op: 'replace', path, value: [...launcherCommand, ...command] }];
}
