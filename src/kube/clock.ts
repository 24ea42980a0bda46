/** Time that only goes forward, and timers; injectable, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since some moment in the past. */
  now(): number;
  /** Calls back once after `ms`; the function returned cancels that. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
