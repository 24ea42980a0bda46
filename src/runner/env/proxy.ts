/**
 * The `env` object of tool code: values are read by name and by nothing else. Keys cannot be listed, printing shows
 * an empty object, writing throws. Names such as `__proto__` or `toString` are keys like any other.
 */
import type { EnvState } from './state.ts';

export type Lookup = (key: string) => string | undefined;
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Builds the object over a lookup.
 *
 * Self-contained on purpose: its source text runs inside the realm of a tool too (`String(makeEnv)`), so that no
 * object of the host's realm is within reach there. It must use nothing but its argument and the language.
 */
export function makeEnv(lookup: Lookup): Env {
  const target: Record<string, never> = Object.freeze(Object.create(null));
  const ErrorType = TypeError;
  const refuse = (): never => {
    throw new ErrorType('env is read-only: change values through an McpSecret');
  };
  const read = (key: string | symbol): string | undefined =>
    typeof key === 'string' ? lookup(key) : undefined;
  const handler: ProxyHandler<Record<string, never>> = {
    get: (_, key) => read(key),
    has: (_, key) => read(key) !== undefined,
    ownKeys: () => [],
    getOwnPropertyDescriptor: () => undefined,
    set: refuse,
    defineProperty: refuse,
    deleteProperty: refuse,
    setPrototypeOf: refuse,
  };
  // Without a prototype a handler cannot be given further traps through a changed Object.prototype.
  Object.setPrototypeOf(handler, null);
  return new Proxy(target, handler);
}

/** The `env` object over a fixed set of values; later changes of `values` do not show. */
export function createEnv(values: EnvState['values']): Env {
  const held = new Map(Object.entries(values));
  return makeEnv((key) => held.get(key));
}
