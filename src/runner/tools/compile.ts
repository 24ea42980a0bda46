/** From the text of a tool to a script, and from a stack back to lines of that text. */
import { Script } from 'node:vm';

/** File name that frames of a tool's code carry. */
export function toolFileName(tool: string): string {
  return `tool:${tool}`;
}

/**
 * Compiles tool code: the body of an async function of (env, args, sdk). It runs in strict mode. The script can run in
 * many contexts; each run gives that context's own function.
 *
 * @throws SyntaxError whose stack begins with the place
 */
export function compileTool(tool: string, code: string): Script {
  return new Script(`(async function (env, args, sdk) { 'use strict';\n${code}\n})`, {
    filename: toolFileName(tool),
    lineOffset: -1,
    // Without a callback Node rejects with an error of its own realm; a string carries nothing.
    importModuleDynamically: () => {
      throw importRefused as unknown as Error;
    },
  });
}

const importRefused = 'import() is not available in tool code; use sdk.http to reach other systems';

/** Frames of a V8 stack that lie in the tool's own code, as `line:column`, innermost first; at most 10. */
export function toolFrames(stack: string, tool: string): string[] {
  const file = toolFileName(tool).replaceAll(/[.\\]/g, '\\$&');
  return [...stack.matchAll(new RegExp(`${file}:(\\d+:\\d+)\\)?$`, 'gm'))]
    .map((match) => match[1] ?? '')
    .slice(0, 10);
}

/** Place of a SyntaxError that compiling threw, from the `file:line` with which its stack begins. */
export function syntaxErrorLine(stack: string, tool: string): string | undefined {
  const first = stack.slice(0, stack.indexOf('\n'));
  const prefix = `${toolFileName(tool)}:`;
  return first.startsWith(prefix) ? first.slice(prefix.length) : undefined;
}
