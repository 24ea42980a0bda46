/** What a pod knows of its server's environment at one moment. */
export interface EnvState {
  /** Grows with every change. */
  readonly revision: number;
  /** Every key with its plaintext. */
  readonly values: Readonly<Record<string, string>>;
  /** Keys whose values may show in logs. */
  readonly unredacted: readonly string[];
}
