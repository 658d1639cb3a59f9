/** Rotation of the data key, killed at random moments. */
import { expect, it } from 'vitest';
import { report } from '../support/faults/report.ts';
import { killRotations } from '../support/faults/rotation-kills.ts';
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
