/** Moving a vault to PostgreSQL, killed at many moments. */
import { expect, it } from 'vitest';
import { killMoves } from '../support/faults/move-kills.ts';
import { report } from '../support/faults/report.ts';

const kills = 25;
const records = 2_000;

it(`migrate-store killed ${kills} times and run again: everything arrives once, and nothing of it in plaintext`, async () => {
  const { said, ...found } = await killMoves(kills, records, 3_000);
  report(
    `migrate-store: ${kills} kills, ${found.interrupted} of them half way, ${found.missing} of ${records} records ` +
      `missing, ${found.leaks} plaintexts, ${found.auditProblems} problems in the audit log`,
  );
  expect(said).toContain(`${records} records`);
  expect(found).toMatchObject({ missing: 0, leaks: 0, auditProblems: 0 });
  expect(found.interrupted).toBeGreaterThan(0);
});
