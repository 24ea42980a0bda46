/** Parts of a stream to replace, as absolute places; those that overlap become one. */

export interface Span {
  start: number;
  end: number;
  /** Label of the match that begins first, of several the longest. */
  label: number;
  /** Length of that match. */
  length: number;
}

/** Disjoint spans in order. */
export class Spans {
  readonly #spans: Span[] = [];

  get first(): Span | undefined {
    return this.#spans[0];
  }

  shift(): void {
    this.#spans.shift();
  }

  /** Adds a match; most come at the end. */
  add(start: number, end: number, label: number): void {
    const spans = this.#spans;
    let merged: Span = { start, end, label, length: end - start };
    let from = spans.length;
    while (from > 0 && spans[from - 1]!.end > start) from--;
    let to = from;
    while (to < spans.length && spans[to]!.start < merged.end) merged = merge(spans[to++]!, merged);
    spans.splice(from, to - from, merged);
  }
}

function merge(a: Span, b: Span): Span {
  const leading = a.start < b.start || (a.start === b.start && a.length >= b.length) ? a : b;
  return {
    start: leading.start,
    end: Math.max(a.end, b.end),
    label: leading.label,
    length: leading.length,
  };
}
