/**
 * The automaton over all needles. Ordinary text stays in its shallow states, fewer than `deepDepth` bytes into some
 * needle: those form a dense table by class of byte, one look-up a byte. Deeper states are rare in text and many in
 * memory: they stay a trie with failure links.
 *
 * A state is a number: `row * stride` for a shallow one, `deepBase + node` for a deep one. In the table, the class of
 * ESC leads to `trapBase + state`, so that the loop over ordinary text stops there without a check of its own.
 */
import { deepDepth, skipTable, type SkipTable } from './skip-table.ts';
import { Trie, type Needle } from './trie.ts';

export const escapeByte = 0x1b;
/** Class of bytes that no needle has near its start; they lead to the root. */
const otherClass = 0;
const escapeClass = 1;

export class Automaton {
  /** Class by byte. */
  readonly classes = new Uint8Array(256).fill(otherClass);
  readonly table: Int32Array;
  readonly deepBase: number;
  readonly trapBase: number;
  readonly skips: SkipTable;
  readonly #trie: Trie;
  readonly #stride: number;
  /** Depth by row of the table. */
  readonly #rowDepth: Uint8Array;
  /** Where ESC really leads, by row. */
  readonly #afterEscape: Int32Array;

  constructor(needles: readonly Needle[]) {
    this.#trie = new Trie(needles);
    this.skips = skipTable(needles);
    this.#stride = this.#classify(needles);
    const nodes = shallowNodes(this.#trie);
    this.deepBase = nodes.length * this.#stride;
    this.trapBase = this.deepBase + this.#trie.size;
    this.table = new Int32Array(nodes.length * this.#stride);
    this.#rowDepth = Uint8Array.from(nodes, (node) => this.#trie.depth[node]!);
    this.#afterEscape = new Int32Array(nodes.length);
    this.#fill(nodes);
  }

  /** The state after one more byte. */
  next(state: number, byte: number): number {
    const trie = this.#trie;
    let at = state;
    while (at >= this.deepBase) {
      const node = at - this.deepBase;
      const child = trie.find(node, byte);
      if (child !== 0) return this.deepBase + child;
      at = this.#failure(node);
    }
    const row = at / this.#stride;
    return byte === escapeByte ? this.#afterEscape[row]! : this.table[at + this.classes[byte]!]!;
  }

  /** How many of the last bytes may be the start of a match to come. */
  depth(state: number): number {
    return state < this.deepBase
      ? this.#rowDepth[state / this.#stride]!
      : this.#trie.liveDepth[state - this.deepBase]!;
  }

  /** Length of the longest needle that ends in this state, 0 for none. */
  matchLength(state: number): number {
    return state < this.deepBase ? 0 : this.#trie.matchLength[state - this.deepBase]!;
  }

  /** The label of that needle. */
  matchLabel(state: number): number {
    return this.#trie.matchLabel[state - this.deepBase]!;
  }

  /** Row of each shallow node, filled while the table is; afterwards links of deep nodes are looked up by it. */
  #rows = new Int32Array(0);

  #failure(node: number): number {
    const fail = this.#trie.fail[node]!;
    return this.#trie.depth[fail]! < deepDepth ? this.#rows[fail]! * this.#stride : this.deepBase + fail;
  }

  /** Gives each byte that a shallow state can go on with a class of its own; returns the length of a row. */
  #classify(needles: readonly Needle[]): number {
    let count = 2;
    this.classes[escapeByte] = escapeClass;
    for (const { bytes } of needles) {
      for (const byte of bytes.subarray(0, deepDepth)) {
        if (this.classes[byte] === otherClass) this.classes[byte] = count++;
      }
    }
    return count;
  }

  #fill(nodes: Int32Array): void {
    const stride = this.#stride;
    this.#rows = new Int32Array(this.#trie.size);
    nodes.forEach((node, row) => (this.#rows[node] = row));
    nodes.forEach((node, row) => {
      const start = row * stride;
      if (row > 0) {
        const fail = this.#rows[this.#trie.fail[node]!]! * stride;
        this.table.copyWithin(start, fail, fail + stride);
        this.table[start + escapeClass] = this.#afterEscape[fail / stride]!;
      }
      this.#addChildren(node, start);
      this.#afterEscape[row] = this.table[start + escapeClass]!;
    });
    for (let row = 0; row < nodes.length; row++) {
      this.table[row * stride + escapeClass] = this.trapBase + row * stride;
    }
  }

  #addChildren(node: number, start: number): void {
    const trie = this.#trie;
    for (let child = trie.child[node]!; child !== 0; child = trie.sibling[child]!) {
      const deep = trie.depth[child]! >= deepDepth;
      this.table[start + this.classes[trie.byte[child]!]!] = deep
        ? this.deepBase + child
        : this.#rows[child]! * this.#stride;
    }
  }
}

function shallowNodes(trie: Trie): Int32Array {
  let count = 0;
  while (count < trie.size && trie.depth[trie.order[count]!]! < deepDepth) count++;
  return trie.order.subarray(0, count);
}
