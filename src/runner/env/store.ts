/**
 * Holds the current environment. The one place that applies a new state, always in the order: the redactor learns the
 * values, executions that start from now on read them, the revision is acknowledged.
 */
import type { EnvState } from './state.ts';

export interface EnvStoreOptions {
  /** Learns the values before anything can print them. */
  redactor: { setValues(values: EnvState['values'], unredacted: readonly string[]): void };
  /** Tells the gateway that the revision is in use. */
  ack: (revision: number) => void;
}

export class EnvStore {
  readonly #options: EnvStoreOptions;
  #current: EnvState | undefined;

  constructor(options: EnvStoreOptions) {
    this.#options = options;
  }

  /** The newest state; undefined before the first. Frozen, so that an execution can keep it. */
  get current(): EnvState | undefined {
    return this.#current;
  }

  /** Applies a state. When the redactor throws, the old state stays in use and nothing is acknowledged. */
  apply(state: EnvState): void {
    this.#options.redactor.setValues(state.values, state.unredacted);
    this.#current = Object.freeze({
      revision: state.revision,
      values: Object.freeze(copy(state.values)),
      unredacted: Object.freeze([...state.unredacted]),
    });
    this.#options.ack(state.revision);
  }
}

/** A copy that keeps keys such as `__proto__`, which assignment would lose. */
function copy(values: EnvState['values']): Record<string, string> {
  return Object.fromEntries(Object.entries(values));
}
