/** A trie over needles with the failure links of Aho and Corasick (CACM 18:6, 1975), in flat arrays. */

export interface Needle {
  readonly bytes: Uint8Array;
  /** What the placeholder names; of several needles with the same bytes the first counts. */
  readonly label: number;
}

/** Node 0 is the root; nodes are numbered in the order of their making, and 0 as a link means none. */
export class Trie {
  readonly child: Int32Array;
  readonly sibling: Int32Array;
  readonly byte: Uint8Array;
  readonly depth: Int32Array;
  readonly fail: Int32Array;
  /** Length of the longest needle that is a suffix of the node's text; 0 for none. */
  readonly matchLength: Int32Array;
  readonly matchLabel: Int32Array;
  /** How many of the last bytes may be the start of a match to come: those of the longest suffix that has a child. */
  readonly liveDepth: Int32Array;
  /** Nodes by depth, shallow ones first. */
  readonly order: Int32Array;
  size = 1;

  constructor(needles: readonly Needle[]) {
    const capacity = needles.reduce((sum, { bytes }) => sum + bytes.length, 1);
    this.child = new Int32Array(capacity);
    this.sibling = new Int32Array(capacity);
    this.byte = new Uint8Array(capacity);
    this.depth = new Int32Array(capacity);
    this.fail = new Int32Array(capacity);
    this.matchLength = new Int32Array(capacity);
    this.matchLabel = new Int32Array(capacity);
    this.liveDepth = new Int32Array(capacity);
    this.order = new Int32Array(capacity);
    for (const needle of needles) this.#insert(needle);
    this.#link();
  }

  /** The child of `node` by `byte`, 0 when there is none. */
  find(node: number, byte: number): number {
    let child = this.child[node]!;
    while (child !== 0 && this.byte[child] !== byte) child = this.sibling[child]!;
    return child;
  }

  #insert({ bytes, label }: Needle): void {
    let node = 0;
    for (const byte of bytes) node = this.find(node, byte) || this.#append(node, byte);
    if (this.matchLength[node] !== 0) return;
    this.matchLength[node] = bytes.length;
    this.matchLabel[node] = label;
  }

  #append(parent: number, byte: number): number {
    const node = this.size++;
    this.byte[node] = byte;
    this.depth[node] = this.depth[parent]! + 1;
    this.sibling[node] = this.child[parent]!;
    this.child[parent] = node;
    return node;
  }

  /** Breadth first, so that the shorter text that a link leads to is complete already. */
  #link(): void {
    let end = 1;
    for (let at = 0; at < end; at++) {
      const node = this.order[at]!;
      for (let child = this.child[node]!; child !== 0; child = this.sibling[child]!) {
        this.order[end++] = child;
        this.#linkNode(child, node);
      }
    }
  }

  #linkNode(node: number, parent: number): void {
    if (parent !== 0) {
      const byte = this.byte[node]!;
      let from = this.fail[parent]!;
      while (from !== 0 && this.find(from, byte) === 0) from = this.fail[from]!;
      this.fail[node] = this.find(from, byte);
    }
    const fail = this.fail[node]!;
    this.liveDepth[node] = this.child[node] === 0 ? this.liveDepth[fail]! : this.depth[node]!;
    if (this.matchLength[node] !== 0) return;
    this.matchLength[node] = this.matchLength[fail]!;
    this.matchLabel[node] = this.matchLabel[fail]!;
  }
}
