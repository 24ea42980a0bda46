/**
 * Decides whether a state from the gateway is newer than the one held.
 *
 * The operator promises that revisions of a server only grow, also when its McpEnvironment is made again. A lower one
 * therefore comes from a replica of the gateway that lags behind, and the right state follows within moments. Should
 * the promise be broken (an etcd restored from a backup), the gateway's state is still the truth: a lower revision
 * that nothing has overtaken for `settleMs` is applied.
 */
import type { EnvState } from './state.ts';

/** How long a lower revision waits for a newer one, in milliseconds. */
export const settleMs = 15_000;

export interface RevisionGate {
  /** Passes a state on now, later, or never. */
  offer(state: EnvState): void;
  /** Forgets a waiting state. */
  close(): void;
}

/** @param apply called with each state that is to be used */
export function createRevisionGate(apply: (state: EnvState) => void, settle = settleMs): RevisionGate {
  let held = -1;
  let waiting: NodeJS.Timeout | undefined;
  const close = (): void => clearTimeout(waiting);
  const accept = (state: EnvState): void => {
    held = state.revision;
    apply(state);
  };
  return {
    close,
    offer(state) {
      close();
      if (state.revision >= held) accept(state);
      else waiting = setTimeout(accept, settle, state);
    },
  };
}
