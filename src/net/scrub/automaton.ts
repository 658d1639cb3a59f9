/**
 * Finds any of many forms in one pass, in time that grows with the text alone (Aho and Corasick, Efficient string matching,
 * 1975). A state is the longest beginning of a form that the text so far ends with; 0 is the empty one.
 */

export type Automaton = {
  /** State → length of the longest form that ends there; 0 for none. */
  readonly ends: Int32Array;
  /** State → how many bytes of a form it stands for. */
  readonly depths: Int32Array;
  /** The state after one more byte. */
  next(state: number, byte: number): number;
  /** State → a state that is one byte longer, or 0: the most likely next one. */
  readonly child: Int32Array;
  /** State → its last byte. */
  readonly byteOf: Uint8Array;
  /** True when the text ends with the first state's bytes wherever it ends with the second one's. */
  covers(state: number, other: number): boolean;
};

/** Builds the automaton of these forms. */
export function createAutomaton(forms: readonly Uint8Array[]): Automaton {
  const most = forms.reduce((sum, { length }) => sum + length, 1);
  const tree = createTree(most);
  for (const form of forms) tree.add(form);
  const { root, child, sibling, byteOf, depths, ends, below } = tree;
  /** State → the longest other state that its bytes end with. */
  const shorter = new Int32Array(most);
  /** State → the longest of those that goes on with a byte with which this one does not. */
  const other = new Int32Array(most);

  const next = (from: number, byte: number): number => {
    for (let state = from; state !== 0; state = other[state] as number) {
      let to = child[state] as number;
      while (to !== 0 && byteOf[to] !== byte) to = sibling[to] as number;
      if (to !== 0) return to;
    }
    return root[byte] as number;
  };

  /** True when the second state goes on with every byte with which the first one does. */
  function within(one: number, state: number): boolean {
    for (let to = child[one] ?? 0; to !== 0; to = sibling[to] ?? 0)
      if (below(state, byteOf[to] ?? 0) === 0) return false;
    return true;
  }

  // The shallow states come first, because the deep ones fall back to them.
  const order: number[] = [...root].filter((state) => state !== 0);
  for (let index = 0; index < order.length; index += 1) {
    const state = order[index] ?? 0;
    const back = shorter[state] ?? 0;
    // Readings part where an escape begins, each with the way back still to go: it must be a short one (Knuth, Morris and
    // Pratt, Fast pattern matching in strings, 1977).
    other[state] = back !== 0 && within(back, state) ? (other[back] ?? 0) : back;
    for (let to = child[state] ?? 0; to !== 0; to = sibling[to] ?? 0) {
      shorter[to] = next(back, byteOf[to] ?? 0);
      if (ends[to] === 0) ends[to] = ends[shorter[to] ?? 0] ?? 0;
      order.push(to);
    }
  }
  const [first, last] = numbered(order, shorter);
  return {
    ends,
    depths,
    next,
    child,
    byteOf,
    covers: (state, other) => (first[state] ?? 0) <= (first[other] ?? 0) && (first[other] ?? 0) <= (last[state] ?? 0),
  };
}

/** The forms as a tree: one way from the root for each beginning. */
function createTree(most: number) {
  const root = new Int32Array(256);
  const [child, sibling, depths, ends] = [0, 0, 0, 0].map(() => new Int32Array(most)) as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  const byteOf = new Uint8Array(most);
  let count = 1;
  function below(state: number, byte: number): number {
    if (state === 0) return root[byte] ?? 0;
    let to = child[state] ?? 0;
    while (to !== 0 && byteOf[to] !== byte) to = sibling[to] ?? 0;
    return to;
  }
  function add(form: Uint8Array): void {
    let state = 0;
    for (const byte of form) {
      let to = below(state, byte);
      if (to === 0) {
        to = count;
        count += 1;
        byteOf[to] = byte;
        depths[to] = (depths[state] ?? 0) + 1;
        if (state === 0) root[byte] = to;
        else {
          sibling[to] = child[state] ?? 0;
          child[state] = to;
        }
      }
      state = to;
    }
    ends[state] = form.length;
  }
  return { root, child, sibling, byteOf, depths, ends, below, add };
}

/** Numbers the states so that those which fall back to a state, at last, have the numbers from its own to its last one. */
function numbered(order: readonly number[], shorter: Int32Array): [first: Int32Array, last: Int32Array] {
  const sizes = new Int32Array(shorter.length).fill(1);
  for (const state of order.toReversed()) {
    const to = shorter[state] ?? 0;
    sizes[to] = (sizes[to] ?? 0) + (sizes[state] ?? 0);
  }
  const first = new Int32Array(shorter.length);
  const free = new Int32Array(shorter.length);
  free[0] = 1;
  for (const state of order) {
    const to = shorter[state] ?? 0;
    first[state] = free[to] ?? 0;
    free[to] = (free[to] ?? 0) + (sizes[state] ?? 0);
    free[state] = (first[state] ?? 0) + 1;
  }
  return [first, first.map((number, state) => number + (sizes[state] ?? 0) - 1)];
}
