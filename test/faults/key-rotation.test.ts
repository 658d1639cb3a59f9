/** Rotation of the data key, and bringing a vault of the first format up to date, killed at random moments. */
import { expect, it } from 'vitest';
import { report } from '../support/faults/report.ts';
import { killRotations } from '../support/faults/rotation-kills.ts';
import { killUpgrades } from '../support/faults/upgrade-kills.ts';
import { freshPlace, placeNames } from '../support/vault/places.ts';

const kills = 50;

it.each(placeNames)(
  `38. key rotation in %s killed ${kills} times: every record readable, rotation completes`,
  async (name) => {
    const { unreadable, keys, powerful, left, interrupted } = await killRotations(await freshPlace(name), kills);
    report(
      `key rotation in ${name}: ${kills} kills, ${interrupted} of them half way, ${unreadable} records unreadable, ` +
        `${keys} data keys, ${powerful} that open anything, ${left} records left under an old one`,
    );
    expect({ unreadable, left, powerful }).toEqual({ unreadable: 0, left: 0, powerful: 1 });
    expect(interrupted).toBeGreaterThan(0);
  },
);

it.each(placeNames)(
  `115. bringing a vault of the first format in %s up to date killed ${kills} times: every secret readable, and it completes`,
  async (name) => {
    const { said, ...wrong } = await killUpgrades(name, kills);
    const stages = Object.entries(said).map(([stage, count]) => `${count} after ${stage}`);
    report(
      `upgrade in ${name}: ${kills} kills (${stages.join(', ')}), ${wrong.unreadable} secrets unreadable, ` +
        `${wrong.auditProblems} audit logs that do not verify, ${wrong.unfinished} not finished afterwards`,
    );
    expect(wrong).toEqual({ unreadable: 0, auditProblems: 0, unfinished: 0 });
  },
);
