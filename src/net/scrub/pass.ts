/**
 * One pass over bytes that finds every form, whichever of its characters are escaped. Where an escape begins, the bytes can
 * be read as they are or as what they stand for: both readings are followed, and meet again where the escape ends.
 */
import type { Automaton } from './automaton.ts';
import { longestEscape, readingsAt, signs } from './escapes.ts';
import { asciiLower } from './secret-forms.ts';

export type Match = { readonly start: number; readonly end: number };

export type Pass = {
  /** How far the bytes were read. */
  readonly at: () => number;
  /** Reads on to this place. */
  run(until: number): void;
  /** True when nothing that began at this place or before it can still become a form. */
  settled(place: number): boolean;
  /** Where the first thing begins that can still become a form; where reading stands, when there is none. */
  open(): number;
};

/** Readings that are followed at once. More there are only of secrets that look like escapes themselves. */
const maxReadings = 4;
/** A power of two above the length of any escape. */
const rounds = 2 * longestEscape;

/**
 * The escapes on the way of a reading, each with those before it: `read` bytes were read before it, `done` after it, and it
 * stands from `start` to `end`. `jump` leads to one far before it, so that any place is found in few steps (Myers, An
 * applicative random-access stack, 1983).
 */
type Way = {
  readonly read: number;
  readonly done: number;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
  readonly parent: Way | null;
  readonly jump: Way | null;
};

type Reader = { state: number; way: Way };

/**
 * Begins at `from`, as if nothing stood before it.
 *
 * @param longest longer ones are no forms
 * @param found called with each form, in no order
 */
export function createPass(
  automaton: Automaton,
  bytes: Uint8Array,
  from: number,
  longest: number,
  found: (start: number, end: number) => void,
): Pass {
  const { ends, depths, next, child, byteOf, covers } = automaton;
  let at = from;
  let readers: Reader[] = [{ state: 0, way: beginning(from) }];
  /** Readings that have gone ahead of `at`, by the place where they wait. */
  const ahead: (Reader[] | undefined)[] = new Array(rounds);
  let waiting = 0;

  function tell(state: number, way: Way, end: number): void {
    const start = placeOf(way, end, ends[state] ?? 0);
    if (end - start <= longest) found(start, end);
  }

  /** As far as there is one reading and no sign: that is most of most answers. */
  function runPlain(reader: Reader, until: number): void {
    let { state } = reader;
    let here = at;
    while (here < until) {
      const given = bytes[here] as number;
      if (signs[given] === 1) break;
      const byte = asciiLower[given] as number;
      const likely = child[state] as number;
      state = likely !== 0 && byteOf[likely] === byte ? likely : next(state, byte);
      here += 1;
      if (ends[state] !== 0) tell(state, reader.way, here);
    }
    reader.state = state;
    at = here;
  }

  function step(): void {
    const come = ahead[at % rounds];
    if (come !== undefined) {
      ahead[at % rounds] = undefined;
      waiting -= come.length;
      // Of two equal ones the first is kept, which began with the escape.
      readers = joined([...come, ...readers], at);
    }
    const byte = bytes[at] ?? 0;
    if (signs[byte] === 1) {
      for (const reader of readers) if (reader.state === 0) reader.way = beginning(at);
      for (const { bytes: chars, end } of readingsAt(bytes, at)) for (const reader of readers) leap(reader, chars, end);
    }
    at += 1;
    for (const reader of readers) {
      reader.state = next(reader.state, asciiLower[byte] ?? 0);
      if (ends[reader.state] !== 0) tell(reader.state, reader.way, at);
    }
    if (readers.length > 1) readers = joined(readers, at);
  }

  function leap({ state: before, way }: Reader, chars: Uint8Array, end: number): void {
    let state = before;
    for (const char of chars) state = next(state, char);
    if (state === 0) return;
    const read = way.done + at - way.end;
    const reader = { state, way: longer(way, read, read + chars.length, at, end) };
    if (ends[state] !== 0) tell(state, reader.way, end);
    const others = ahead[end % rounds] ?? [];
    const all = join(others, reader, end);
    waiting += all.length - others.length;
    ahead[end % rounds] = all;
  }

  /** A reading that another one covers finds nothing which that one would miss, and nothing that begins earlier. */
  function join(others: readonly Reader[], reader: Reader, here: number): Reader[] {
    if (others.some((other) => replaces(other, reader, here))) return others as Reader[];
    const kept = [...others.filter((other) => !replaces(reader, other, here)), reader];
    if (kept.length <= maxReadings) return kept;
    const spare = kept.filter((one) => kept.some((other) => other !== one && covers(one.state, other.state)));
    const least = (spare.length > 0 ? spare : kept).reduce((one, other) =>
      depthOf(other) < depthOf(one) ? other : one,
    );
    return kept.filter((one) => one !== least);
  }
  function joined(all: readonly Reader[], here: number): Reader[] {
    return all.reduce<Reader[]>((others, one) => join(others, one, here), []);
  }
  function replaces(one: Reader, other: Reader, here: number): boolean {
    if (!covers(other.state, one.state)) return false;
    return one.way === other.way || placeOf(one.way, here, depthOf(other)) <= placeOf(other.way, here, depthOf(other));
  }
  const depthOf = ({ state }: Reader) => depths[state] ?? 0;

  return {
    at: () => at,
    run(until) {
      while (at < until) {
        const [reader] = readers;
        if (waiting === 0 && readers.length === 1 && reader !== undefined) runPlain(reader, until);
        if (at < until) step();
      }
    },
    settled(place) {
      return waiting === 0 && readers.every((one) => one.state === 0 || placeOf(one.way, at, depthOf(one)) > place);
    },
    open() {
      const startOf = (one: Reader, here: number) => (one.state === 0 ? at : placeOf(one.way, here, depthOf(one)));
      const starts = readers.map((one) => startOf(one, at));
      for (let here = at; waiting > 0 && here < at + rounds; here += 1)
        for (const one of ahead[here % rounds] ?? []) starts.push(startOf(one, here));
      return Math.min(at, ...starts);
    },
  };
}

function beginning(at: number): Way {
  return { read: 0, done: 0, start: at, end: at, depth: 0, parent: null, jump: null };
}

function longer(way: Way, read: number, done: number, start: number, end: number): Way {
  const { jump } = way;
  const twice = jump !== null && jump.jump !== null && way.depth - jump.depth === jump.depth - jump.jump.depth;
  return { read, done, start, end, depth: way.depth + 1, parent: way, jump: twice ? jump.jump : way };
}

/** Where the last `length` bytes that were read begin, when they end at `at`. */
function placeOf(way: Way, at: number, length: number): number {
  const index = way.done + at - way.end - length;
  let turn = way;
  while (turn.read > index) turn = (turn.jump !== null && turn.jump.read > index ? turn.jump : turn.parent) ?? turn;
  return index < turn.done ? turn.start : turn.end + index - turn.done;
}
