/** One tool call from the validated arguments to the result, and the line of the log about it. */
import type { CallToolResult } from '@modelcontextprotocol/server';
import { McpError } from '../../api/errors.ts';
import type { EnvState } from '../env/state.ts';
import type { HttpClient } from '../http/client.ts';
import type { CallRecord, RunnerLog } from '../log.ts';
import type { Progress, ToolExecutor, ToolOutcome } from '../tools/executor.ts';
import type { CatalogTool } from './catalog.ts';
import { describeToolError, errorResult, toCallToolResult, type Redact } from './result.ts';

export interface CallDeps {
  executor: ToolExecutor;
  http: Pick<HttpClient, 'handle'>;
  /** The current environment. @throws McpError NotReady before the first state */
  env: () => EnvState;
  log: RunnerLog;
  redact: Redact;
  /** Milliseconds of a clock that only goes forward. */
  now: () => number;
}

export interface CallRequest {
  tool: CatalogTool;
  args: unknown;
  signal: AbortSignal;
  progress: (update: Progress) => void;
}

/** Runs a call. It never throws: whatever goes wrong is a result with `isError`, and one line in the log. */
export async function callTool(request: CallRequest, deps: CallDeps): Promise<CallToolResult> {
  const started = deps.now();
  const args = JSON.stringify(request.args);
  const problem = request.tool.inputProblem(request.args);
  const ended =
    problem === undefined
      ? await execute(request, args, deps)
      : { outcome: 'InvalidArguments', result: errorResult(`invalid arguments: ${problem}`, deps.redact) };
  const { name } = request.tool.description;
  deps.log.call({
    tool: name,
    durationMs: Math.round((deps.now() - started) * 10) / 10,
    outcome: ended.outcome,
    requestBytes: Buffer.byteLength(args),
    responseBytes: Buffer.byteLength(JSON.stringify(ended.result)),
    ...ended.details,
  });
  return ended.result;
}

interface Ended {
  outcome: string;
  result: CallToolResult;
  details?: Partial<CallRecord>;
}

async function execute(
  { tool, signal, progress }: CallRequest,
  args: string,
  deps: CallDeps,
): Promise<Ended> {
  const { log, redact, executor, env, http } = deps;
  const { name } = tool.description;
  try {
    const outcome = await executor.execute({
      tool: tool.code,
      args,
      env,
      signal,
      host: {
        log: (level, text) => log.toolLine(name, level, text),
        progress: (update) =>
          progress(update.message === undefined ? update : { ...update, message: redact(update.message) }),
        http: (text, signal) => http.handle(text, signal),
      },
    });
    const result = toCallToolResult(outcome, tool, redact);
    return { outcome: outcomeName(outcome, result), result, details: detailsOf(outcome) };
  } catch (error) {
    const known =
      error instanceof McpError ? error : new McpError('ToolCrashed', { problem: 'internal error' });
    return {
      outcome: known.code,
      result: errorResult(known.message, redact),
      details: { error: { message: known.message } },
    };
  }
}

function outcomeName({ error }: ToolOutcome, { isError }: CallToolResult): string {
  if (error !== undefined) return 'ToolFailed';
  return isError === true ? 'InvalidResult' : 'Ok';
}

function detailsOf({ revision, missingKeys, error }: ToolOutcome): Partial<CallRecord> {
  return {
    revision,
    ...(missingKeys.length > 0 && { missingKeys }),
    ...(error && { error: { message: describeToolError(error), stack: error.frames } }),
  };
}
