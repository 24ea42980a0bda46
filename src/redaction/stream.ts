/** A stream that redacts what passes through; see filter.ts for what it holds back. Made by `Redactor.stream()`. */
import { Transform, type TransformCallback } from 'node:stream';
import { RedactingFilter, type Needles } from './filter.ts';

export class RedactingStream extends Transform {
  readonly #filter: RedactingFilter;
  readonly #current: () => Needles;
  #needles: Needles;

  /** @param current the needles of the moment; asked before each chunk */
  constructor(current: () => Needles) {
    super();
    this.#current = current;
    this.#needles = current();
    this.#filter = new RedactingFilter(this.#needles);
  }

  /** Looks at what is held back with the needles of the moment. */
  refresh(): void {
    if (this.destroyed || this.writableFinished) return;
    const needles = this.#current();
    if (needles === this.#needles) return;
    this.#needles = needles;
    this.#give(this.#filter.change(needles));
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.refresh();
    this.#give(this.#filter.feed(chunk));
    done();
  }

  override _flush(done: TransformCallback): void {
    this.#give(this.#filter.end());
    done();
  }

  #give(bytes: Buffer): void {
    if (bytes.length > 0) this.push(bytes);
  }
}
