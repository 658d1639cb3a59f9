/** All forms in some bytes, in time that grows with the bytes alone and in pieces of bounded work. */
import { createAutomaton } from './automaton.ts';
import { longestEscape, unfinishedAt } from './escapes.ts';
import { createPass, type Match, type Pass } from './pass.ts';
import { createSieve, type Sieve } from './sieve.ts';

/** Bytes that are read between two pauses: some milliseconds, whatever they hold. */
const piece = 2_048;
/** How many bytes a pass reads before it looks whether it can end. */
const stretch = 64;

type Search = {
  /** All matches that begin before `rest`, those that overlap as one, by place. Pauses where a caller can do something else. */
  in(bytes: Uint8Array, rest: number): Generator<void, Match[]>;
  /** Where the first thing begins that bytes which are still to come can make a form; the length when there is none. */
  openIn(bytes: Uint8Array): number;
};

/**
 * The search for these forms.
 *
 * @param steady every byte is read in the same way, so that the time tells nothing of what the bytes have in common with a
 *   form; else those are passed over where a quick look sees that no form can be
 */
export function createSearch(forms: readonly Uint8Array[], longest: number, steady: boolean): Search {
  const sieve = steady ? null : createSieve(forms);
  let built: ReturnType<typeof createAutomaton> | undefined;
  const automaton = () => {
    built ??= createAutomaton(forms);
    return built;
  };

  /** Reads on until nothing that began at this place or before it is open. */
  function* readPast(place: number, pass: Pass, bytes: Uint8Array): Generator<void> {
    while (pass.at() < bytes.length && pass.at() <= place) {
      pass.run(Math.min(pass.at() + piece, place + 1, bytes.length));
      if (pass.at() <= place) yield;
    }
    for (let read = stretch; pass.at() < bytes.length && !pass.settled(place); read += stretch) {
      pass.run(Math.min(pass.at() + stretch, bytes.length));
      if (read % piece === 0) yield;
    }
  }

  function* readSome(bytes: Uint8Array, rest: number, found: Found, sieve: Sieve): Generator<void> {
    const { over, reach } = sieve;
    const next = over(bytes);
    const last = Math.min(bytes.length, rest + reach);
    let pass: Pass | undefined;
    for (let until = Math.min(piece, last); ; until = Math.min(until + piece, last)) {
      for (let place = next(until); place !== null; place = next(until)) {
        const start = Math.max(0, place - reach);
        // What a pass knows by then of the bytes before is what another one would find out again.
        if (pass === undefined || start >= pass.at()) pass = createPass(automaton(), bytes, start, longest, found);
        yield* readPast(place, pass, bytes);
      }
      if (until === last) return;
      yield;
    }
  }

  return {
    *in(bytes, rest) {
      const matches: Match[] = [];
      const found: Found = (start, end) => {
        const last = matches.at(-1);
        if (last === undefined || start >= last.end || end < last.start) return void matches.push({ start, end });
        matches[matches.length - 1] = { start: Math.min(start, last.start), end: Math.max(end, last.end) };
      };
      if (sieve !== null) yield* readSome(bytes, rest, found, sieve);
      else yield* readPast(rest - 1, createPass(automaton(), bytes, 0, longest, found), bytes);
      return joined(matches);
    },
    openIn(bytes) {
      const pass = createPass(automaton(), bytes, Math.max(0, bytes.length - longest), longest, () => {});
      pass.run(unfinishedAt(bytes));
      return pass.open();
    },
  };
}

type Found = (start: number, end: number) => void;

/**
 * Longest writing of a secret of this length that is looked for, and so how much is held back, whatever the secret is. A
 * short one may have every character escaped at the greatest length; most escapes take less than eight bytes.
 */
export function longestMatch(secretBytes: number): number {
  return 8 * secretBytes + 32 * longestEscape;
}

function joined(matches: Match[]): Match[] {
  const all: Match[] = [];
  for (const { start, end } of matches.sort((one, other) => one.start - other.start)) {
    const last = all.at(-1);
    if (last === undefined || start >= last.end) all.push({ start, end });
    else all[all.length - 1] = { start: last.start, end: Math.max(last.end, end) };
  }
  return all;
}
