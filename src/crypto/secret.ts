/**
 * A plaintext value that cannot be printed by accident: every way of turning it into text gives `[secret]`.
 * Only `reveal` and `bytes` give the content, so a search for those two names finds every place that uses it.
 */
import { timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

const placeholder = '[secret]';

export class Secret {
  readonly #bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Wraps a text, as UTF-8. */
  static fromText(text: string): Secret {
    return new Secret(Buffer.from(text, 'utf8'));
  }

  /** Wraps bytes, copying them. */
  static fromBytes(bytes: Uint8Array): Secret {
    return new Secret(Buffer.from(bytes));
  }

  /** The plaintext as text. Call it only where the value leaves mcpcore's hands on purpose. */
  reveal(): string {
    return this.#bytes.toString('utf8');
  }

  /** The plaintext's bytes; not a copy. */
  bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Length in bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Compares in time that depends on the lengths only. */
  equals(other: Secret): boolean {
    return this.#bytes.length === other.#bytes.length && timingSafeEqual(this.#bytes, other.#bytes);
  }

  /** Overwrites the content with zeros. Copies made by `reveal` are out of reach. */
  wipe(): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return placeholder;
  }

  toJSON(): string {
    return placeholder;
  }

  [Symbol.toPrimitive](): string {
    return placeholder;
  }

  [inspect.custom](): string {
    return placeholder;
  }
}
