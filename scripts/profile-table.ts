/** The table of docs/simulator.md, made from the profiles that the simulator serves. */
import { profiles } from '../test/simulator/profiles.ts';
import { code, plain, type Table } from './markdown-table.ts';

/** One row for each profile. */
export function profileTable(): Table {
  const rows = Object.entries(profiles).map(([name, { about, like }]) => [code(name), plain(about), like.join(', ')]);
  return { name: 'profiles', head: ['profile', 'what it does', 'like'], rows };
}
