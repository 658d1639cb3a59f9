/** `keyward migrate-store` from a file to PostgreSQL, killed again and again, and run to its end at last. */
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { verifyAudit } from '../../../src/vault/audit/audit-verify.ts';
import { openVault } from '../../../src/vault/open.ts';
import { keywardMain } from '../clients/mcp-clients.ts';
import { asAdmin } from '../servers/postgres.ts';
import { spellingsOf } from '../spellings.ts';
import { freshPlace, openPlace } from '../vault/places.ts';
import { ann, apiKeySecret, canary, newCredential } from '../vault/vault-folder.ts';

const run = promisify(execFile);

export type MoveKills = {
  /** Kills that met a move half done. */
  readonly interrupted: number;
  /** Records that are not at the new place, or do not open there. */
  readonly missing: number;
  /** Spellings of a secret that were found in the database after one of the kills. */
  readonly leaks: number;
  readonly auditProblems: number;
  /** What the run that nobody killed said. */
  readonly said: string;
};

/** @param longestMs that a run is left alone before it is killed */
export async function killMoves(kills: number, records: number, longestMs: number): Promise<MoveKills> {
  const from = await freshPlace('a file');
  const to = { ...(await freshPlace('PostgreSQL')), key: from.key };
  const [file, key] = from.args;
  const [url] = to.args;
  const vault = await openVault(await openPlace(from), undefined, records);
  const ids = Array.from({ length: records }, randomUUID);
  await vault.commit(
    ids.map((id) => ({ op: 'create', kind: 'credential', record: newCredential({ id }), secret: apiKeySecret() })),
  );
  for (let at = 0; at < 250; at += 1) await vault.audit({ ...ann, action: 'credential.use', outcome: 'allowed' });
  await vault.close();

  const env = { PATH: process.env.PATH, KEYWARD_STORE: url, KEYWARD_KEY: key };
  const args = [keywardMain, 'migrate-store', '--from', `file:${file}`];
  let [interrupted, leaks] = [0, 0];
  for (let kill = 0; kill < kills; kill += 1) {
    const child = spawn(process.execPath, args, { env, stdio: 'ignore' });
    const ended = once(child, 'exit');
    await sleep(longestMs * ((kill + 1) / kills));
    child.kill('SIGKILL');
    await ended;
    const arrived = await asAdmin(url, 'select r::text as line from keyward_records r').catch(() => []);
    if (arrived.length > 0 && arrived.length < records) interrupted += 1;
    const text = arrived.map(({ line }) => line).join('\n');
    leaks += spellingsOf(canary).filter((spelling) => text.includes(spelling)).length;
  }
  const { stdout: said } = await run(process.execPath, args, { env });
  const moved = await openPlace(to);
  const audit = await verifyAudit(moved);
  const there = await openVault(moved);
  let missing = 0;
  for (const id of ids) {
    const credential = await there.get('credential', ann, id);
    const secret = credential && (await there.open('credential', credential).catch(() => undefined));
    if (JSON.stringify(secret) !== JSON.stringify(apiKeySecret())) missing += 1;
  }
  await there.close();
  return { interrupted, missing, leaks, auditProblems: audit.problems.length, said };
}
