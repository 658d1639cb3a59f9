/** Scrubbing of what an attacker chooses: how long it takes, whom it keeps waiting, and what can be told from it. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createScrubber, type Scrubber } from '../../src/net/scrub/scrub.ts';
import { report } from '../support/faults/report.ts';
import { echoForms } from '../support/servers/echo-api.ts';

const full = process.env.KEYWARD_FAULTS_FULL === '1';

/** Time of the processor, in milliseconds: other programs must not count. */
const worked = () => process.cpuUsage().user / 1000;

/** Does the work; how long it took, and the longest that nobody else had a turn meanwhile. */
async function watched(work: () => Promise<unknown>): Promise<{ total: number; turn: number }> {
  let [turn, done, last] = [0, false, worked()];
  const tick = (): void => {
    const now = worked();
    turn = Math.max(turn, now - last);
    last = now;
    if (!done) setImmediate(tick);
  };
  setImmediate(tick);
  const begun = worked();
  await work();
  done = true;
  return { total: worked() - begun, turn };
}

const periodic = `${'a'.repeat(8_191)}b`;
const spellings = {
  plain: 'a',
  percent: '%61',
  json: '\\u0061',
  html: '&#97;',
  backslashes: '\\'.repeat(30),
  mixed: 'a%61',
};

describe('the time of scrubbing', () => {
  it.each(Object.entries(spellings))(
    '65. grows with the answer alone, and nobody waits, for a secret of one letter in %s',
    async (name, spelling) => {
      for (const steady of [false, true]) {
        const { answer } = createScrubber([periodic], { steady });
        const text = (size: number) => spelling.repeat(Math.ceil(size / spelling.length));
        await answer(text(100_000));
        const [few, many] = [text(500_000), text(2_000_000)];
        const small = await watched(() => answer(few));
        const rounds = [];
        for (let round = 0; round < 3; round += 1) rounds.push(await watched(() => answer(many)));
        // What the collector of garbage does in one round counts as work, too; what scrubbing does, it does in each.
        const [total, turn] = [Math.min(...rounds.map((one) => one.total)), Math.min(...rounds.map((one) => one.turn))];
        report(
          `${name}${steady ? ', steady' : ''}: 0.5 MB ${small.total.toFixed(0)} ms, 2 MB ${total.toFixed(0)} ms, longest turn ${turn.toFixed(1)} ms`,
        );
        expect(total).toBeLessThan(4 * 3 * small.total);
        expect(turn).toBeLessThan(20);
      }
    },
  );

  it('64. for others than the owner is the same for a right beginning as for a wrong one', async () => {
    const secret = 'tok_Zk3Q9vB7-wY5xYz01abQ7';
    const { answer } = createScrubber([secret], { steady: true });
    const of = (guess: string) => `${guess}\n`.repeat(60_000);
    const guesses = { right: secret.slice(0, 14), wrong: `${secret.slice(0, 13)}~` };
    const times = { right: [] as number[], wrong: [] as number[] };
    for (let round = 0; round < 15; round += 1) {
      for (const which of ['right', 'wrong'] as const) {
        const { total } = await watched(() => answer(of(guesses[which])));
        if (round > 1) times[which].push(total);
      }
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
    const ratio = median(times.right) / median(times.wrong);
    report(
      `right and wrong beginning, 900 KB: ${median(times.right).toFixed(1)} and ${median(times.wrong).toFixed(1)} ms, ratio ${ratio.toFixed(2)}`,
    );
    expect(ratio).toBeGreaterThan(0.6);
    expect(ratio).toBeLessThan(1.7);
  });
});

describe('generated answers', () => {
  const key = (seed: string) => createHash('sha256').update(seed).digest('base64').slice(0, 30);
  const secrets = [
    key('one'),
    `p&ss "w/rd" <${key('two').slice(14)}>`,
    'ünïcödé-pässwörd-~*()!',
    `${'ab'.repeat(14)}c%`,
  ];

  it(`64. 57. of ${full ? '200,000' : '20,000'} none brings a secret back, and none tells two secrets apart`, async () => {
    const seed = Date.now() & 0x7fffffff;
    report(`generated answers: seed ${seed}`);
    const scrubbers = secrets.flatMap((own) =>
      [false, true].map((steady) => ({ own, steady, scrubber: createScrubber([own], { steady }) })),
    );
    /** A secret of the same length that has the first half in common. */
    const others = new Map<string, Scrubber>();
    const otherOf = (own: string, steady: boolean) => {
      const name = `${steady}${own}`;
      const half = Math.floor(own.length / 2);
      const made =
        others.get(name) ??
        createScrubber(
          [`${own.slice(0, half)}${own.slice(half).replace(/[ -~]/g, (one) => (one === 'x' ? 'y' : 'x'))}`],
          { steady },
        );
      others.set(name, made);
      return made;
    };
    const part = fc.record({
      form: fc.constantFrom(...Object.keys(echoForms)),
      cut: fc.nat(40),
      whole: fc.boolean(),
      filler: fc.nat(300),
    });
    let [out, oracles, whole] = [0, 0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...scrubbers),
        fc.array(part, { minLength: 1, maxLength: 6 }),
        fc.constantFrom('', 'text/event-stream', 'text/plain'),
        async ({ own, steady, scrubber }, parts, type) => {
          const written = (complete: boolean) =>
            parts.map(({ form, cut, whole: all, filler }) => {
              const text = complete && all ? own : own.slice(0, Math.min(cut, Math.floor(own.length / 2)));
              return Buffer.concat([
                Buffer.alloc(filler, '.'),
                Buffer.from(echoForms[form]?.(text) ?? ''),
                Buffer.from('\n\n'),
              ]);
            });
          const scrubbed = (await blocksOf(scrubber, written(true), type)).join('');
          if (Object.values(echoForms).some((write) => scrubbed.includes(Buffer.from(write(own)).toString('latin1'))))
            out += 1;
          if (scrubbed.includes('[redacted]')) whole += 1;
          const half = written(false);
          const [one, other] = [await blocksOf(scrubber, half, type), await blocksOf(otherOf(own, steady), half, type)];
          if (JSON.stringify(one) !== JSON.stringify(other)) oracles += 1;
          if (out + oracles > 0) throw new Error(`${out} secrets out, ${oracles} oracles`);
        },
      ),
      { numRuns: full ? 200_000 : 20_000, seed },
    );
    report(`generated answers: ${whole} scrubbed, ${out} secrets out, ${oracles} oracles`);
    expect(whole).toBeGreaterThan(1_000);
  });
});

async function blocksOf(scrubber: Scrubber, pieces: readonly Uint8Array[], type: string): Promise<string[]> {
  async function* source() {
    yield* pieces;
  }
  const blocks: string[] = [];
  for await (const block of scrubber.stream(source(), type)) blocks.push(Buffer.from(block).toString('latin1'));
  return blocks;
}
