/**
 * The parts of a value that are secret by themselves: a program that reads a kubeconfig prints its token, one that
 * gets a database's URL prints the password. Pure.
 */

/** Shorter lines, such as `{` or `apiVersion: v1`, occur in other text by chance. */
const shortestLine = 12;
/** Shorter parts likewise. */
const shortestPart = 8;

/** Every part of `value` worth a search besides the whole. */
export function leavesOf(value: string): string[] {
  const lines = linesOf(value);
  return [...lines, ...lines.flatMap(settingOf), ...jsonLeaves(value), ...urlPasswords(value)].filter(
    (leaf) => leaf !== value && Buffer.byteLength(leaf) >= shortestPart,
  );
}

/** Long lines of a value with several; the frame of a PEM file says nothing. */
function linesOf(value: string): string[] {
  if (!/[\r\n]/.test(value.trim())) return [];
  return value
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line.length >= shortestLine && !/^-----(BEGIN|END) [\w ]+-----$/.test(line))
    .filter((line) => line.replace(/[^\p{L}\p{N}]/gu, '').length >= shortestPart);
}

/** What a line such as `token: abc`, `TOKEN=abc` or `"token": "abc",` sets. */
function settingOf(line: string): string[] {
  const found = /^(?:export |- )?["']?[\w.-]+["']?\s*[:=]\s*(.+?),?$/.exec(line)?.[1];
  return found === undefined ? [] : [found.replace(/^(["'])(.*)\1$/, '$2')];
}

function jsonLeaves(value: string): string[] {
  if (!/^\s*[[{]/.test(value)) return [];
  const leaves: string[] = [];
  try {
    JSON.parse(value, (_, leaf: unknown) => {
      if (typeof leaf === 'string') leaves.push(leaf.trim());
      if (typeof leaf === 'number') leaves.push(String(leaf));
      return leaf;
    });
  } catch {
    return [];
  }
  return leaves.flatMap((leaf) => [leaf, ...linesOf(leaf)]);
}

function urlPasswords(value: string): string[] {
  const password = /^[a-z][a-z\d+.-]*:\/\/[^/?#\s]*?:([^/?#\s]*)@/i.exec(value)?.[1];
  if (password === undefined) return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
