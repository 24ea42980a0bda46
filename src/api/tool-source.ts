/** How the body of a tool becomes a function: one definition for admission, which compiles it, and for the runner. */

/** Lines before the tool's own first line; a script compiled with this offset reports the tool's own line numbers. */
export const toolSourceLineOffset = -1;

/** Source of an expression whose value is `async (env, args, sdk) => { CODE }`. */
export function toolSource(code: string): string {
  return `(async function (env, args, sdk) { "use strict";\n${code}\n})`;
}
