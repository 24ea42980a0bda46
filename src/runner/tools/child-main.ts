/**
 * Entry of a child: runs one call at a time, each in a fresh context, and keeps nothing of it afterwards but compiled
 * code. The permission model and the switches that the supervisor starts it with are in child.ts. What contains
 * hostile code is the pod and this process; the context keeps calls of well-meaning code apart.
 */
import { constants, createContext, Script, type Context } from 'node:vm';
import { makeEnv } from '../env/proxy.ts';
import type { CallCommand, ChildCommand, ChildEvent } from './child-protocol.ts';
import { compileTool, syntaxErrorLine, toolFrames } from './compile.ts';
import type { LogLevel, Progress, ToolError } from './executor.ts';
import { bootRealm, type Bridge, type Realm } from './realm.ts';

/** Largest JSON text of a result, in characters. */
const maxResultLength = 4 * 1024 * 1024;
/** Largest line of a log or error, in characters. */
const maxTextLength = 64 * 1024;
const maxCompiled = 256;

const boot = new Script(`(${String(bootRealm)})`, { filename: 'runner:realm' });
const envFactory = new Script(`(${String(makeEnv)})`, { filename: 'runner:env' });
const compiled = new Map<string, Script>();
let values: ReadonlyMap<string, string> = new Map();
let realm: Realm | undefined;
/** The context of the next call, made ahead because that takes longer than all the rest of a short call. */
let spare: Context | undefined = freshContext();

// By reference, so that nothing which later happens to `process` matters.
const send = process.send?.bind(process) ?? process.exit.bind(process, 2);
const emit = (event: ChildEvent): void => void send(event);

// Promises that tool code leaves rejected are its own business.
process.on('unhandledRejection', () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('message', (command: ChildCommand) => {
  if (command.type === 'env') values = new Map(Object.entries(command.values));
  else if (command.type === 'call') call(command);
  else realm?.reply(command.id, command.json);
});
emit({ type: 'ready' });

function call(command: CallCommand): void {
  const missing = new Set<string>();
  const end = (event: ChildEvent): void => {
    realm = undefined;
    emit(event);
    setImmediate(() => (spare ??= freshContext()));
  };
  const fail = (error: ToolError): void => end({ type: 'failed', error, missingKeys: [...missing] });
  let script: Script;
  try {
    script = scriptOf(command);
  } catch (error) {
    const { message, stack = '' } = error as Error;
    const place = syntaxErrorLine(stack, command.tool);
    fail({ name: 'SyntaxError', message, frames: place === undefined ? [] : [place] });
    return;
  }
  const context = spare ?? freshContext();
  spare = undefined;
  realm = (boot.runInContext(context) as typeof bootRealm)(
    bridgeOf(command.tool, values, missing, end, fail),
    envFactory.runInContext(context) as typeof makeEnv,
    context,
  );
  realm.run(mainOf(script, context), command.args);
}

/** A realm of its own, with no interceptor between its global object and the code, and no way to compile texts. */
function freshContext(): Context {
  return createContext(constants.DONT_CONTEXTIFY, { codeGeneration: { strings: false, wasm: false } });
}

function mainOf(script: Script, context: Context): Parameters<Realm['run']>[0] {
  return script.runInContext(context) as Parameters<Realm['run']>[0];
}

function scriptOf({ tool, hash, code }: CallCommand): Script {
  const key = `${hash} ${tool}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const script = compileTool(tool, code ?? '');
  const oldest = compiled.size >= maxCompiled ? compiled.keys().next().value : undefined;
  if (oldest !== undefined) compiled.delete(oldest);
  compiled.set(key, script);
  return script;
}

/** The functions that one call's realm gets. After the call's end they do nothing. */
function bridgeOf(
  tool: string,
  snapshot: ReadonlyMap<string, string>,
  missing: Set<string>,
  end: (event: ChildEvent) => void,
  fail: (error: ToolError) => void,
): Bridge {
  let open = true;
  const timers = new Map<number, NodeJS.Timeout>();
  const close = (): boolean => {
    const was = open;
    open = false;
    for (const timer of timers.values()) clearTimeout(timer);
    timers.clear();
    return was;
  };
  const own = (): Realm | undefined => (open ? realm : undefined);
  return {
    lookup(key) {
      const value = snapshot.get(key);
      if (value === undefined && !implicitReads.has(key)) missing.add(key);
      return value;
    },
    log: (level, text) =>
      open && emit({ type: 'log', level: level as LogLevel, text: text.slice(0, maxTextLength) }),
    progress: (json) => open && emit({ type: 'progress', update: progressOf(json) }),
    http: (id, request) => open && emit({ type: 'http', id, request }),
    timer(id, ms) {
      if (open)
        timers.set(
          id,
          setTimeout(() => own()?.fire(id), ms),
        );
    },
    clearTimer: (id) => clearTimeout(timers.get(id)),
    done(result) {
      if (!close()) return;
      if (result !== undefined && result.length > maxResultLength) {
        fail({
          name: 'RangeError',
          message: `the result is longer than ${maxResultLength} characters`,
          frames: [],
        });
      } else end({ type: 'done', ...(result !== undefined && { result }), missingKeys: [...missing] });
    },
    failed(json) {
      if (close()) fail(errorOf(json, tool));
    },
  };
}

/** Keys that the language reads by itself when a program prints, awaits or converts an object. */
const implicitReads = new Set(['then', 'toJSON', 'toString', 'valueOf', 'constructor']);

/** Tool code can make any JSON arrive here, so nothing is taken on trust. */
function errorOf(json: string, tool: string): ToolError {
  const { name, message, stack } = fieldsOf(json);
  return {
    name: typeof name === 'string' ? name.slice(0, 256) : 'Error',
    message: typeof message === 'string' ? message.slice(0, maxTextLength) : '',
    frames: typeof stack === 'string' ? toolFrames(stack, tool) : [],
  };
}

function progressOf(json: string): Progress {
  const { progress, total, message } = fieldsOf(json);
  return {
    progress: typeof progress === 'number' ? progress : 0,
    ...(typeof total === 'number' && { total }),
    ...(typeof message === 'string' && { message: message.slice(0, maxTextLength) }),
  };
}

function fieldsOf(json: string): Record<string, unknown> {
  const parsed: unknown = JSON.parse(json);
  return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
}
