/** Group commit, by what one flush takes. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { grouped } from '../../src/store/group.ts';

/** A group that notes what each flush took. */
function noting() {
  const flushes: string[][] = [];
  const group = grouped<string>(async (items) => {
    flushes.push([...items]);
    await nextTurn();
    return items.map((item) => (item.startsWith('bad') ? new Error(item) : undefined));
  });
  return { group, flushes };
}

describe('a group', () => {
  it('takes together what is asked for in one turn, and what joins in the next ones', async () => {
    const { group, flushes } = noting();
    const asked: Promise<void>[] = [];
    for (const items of [['a', 'b'], ['c'], ['d']]) {
      for (const item of items) asked.push(group.add(item));
      await nextTurn();
    }
    await Promise.all(asked);
    expect(flushes).toEqual([['a', 'b', 'c', 'd']]);
  });

  it('waits for nobody who does not come, and not for ever for those who do', async () => {
    const { group, flushes } = noting();
    await group.add('alone');
    expect(flushes).toEqual([['alone']]);
    const asked: Promise<void>[] = [];
    while (flushes.length < 3) {
      asked.push(group.add('one more'), group.add('and another'));
      await nextTurn();
    }
    await Promise.all(asked);
    expect(flushes[1]?.length).toBeLessThan(20);
    await group.idle();
  });

  it('fails each item by itself, and all of them when the flush fails', async () => {
    const { group } = noting();
    const settled = await Promise.allSettled([group.add('good'), group.add('bad one'), group.add('fine')]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const failing = grouped<string>(async () => {
      throw new Error('no disk');
    });
    const all = await Promise.allSettled([failing.add('a'), failing.add('b')]);
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
