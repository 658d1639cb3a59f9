import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { auditMac, splitLine } from '../../../src/vault/audit/audit-chain.ts';
import { verifyAudit } from '../../../src/vault/audit/audit-verify.ts';
import { openVault } from '../../../src/vault/open.ts';
import type { AuditEvent } from '../../../src/vault/vault.ts';
import { type VaultFolder, vaultFolder } from '../../support/vault/vault-folder.ts';

const event = (at: number): AuditEvent => ({
  tenant: 'acme',
  user: 'ann "\n',
  client: 'inspector',
  action: 'credential.release',
  subject: `id-${at}`,
  outcome: 'allowed',
});

let place: VaultFolder;
beforeEach(() => {
  place = vaultFolder();
});

async function openOne() {
  const vault = await openVault(await place.open());
  onTestFinished(() => vault.close());
  return vault;
}

async function verify() {
  return verifyAudit(await place.open());
}

/** Two processes write three events each, taking turns; answers the six lines. */
async function twoChains(): Promise<string[]> {
  const vaults = [await openOne(), await openOne()];
  for (let at = 0; at < 6; at++) await vaults[at % 2]?.audit(event(at));
  return (await readFile(place.audit, 'utf8')).trimEnd().split('\n');
}

describe('the audit chain', () => {
  it('holds one line an event, in order, that verifies offline', async () => {
    const lines = await twoChains();
    expect(lines.map((line) => (JSON.parse(line) as { subject: string }).subject)).toEqual(
      [0, 1, 2, 3, 4, 5].map((at) => `id-${at}`),
    );
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ ...event(0), seq: 1, prev: '' });
    expect(await verify()).toMatchObject({ lines: 6, chains: 2, torn: [], ok: true, problems: [] });
  });

  it('takes many events at once and keeps their order', async () => {
    const vault = await openOne();
    await Promise.all(Array.from({ length: 200 }, (_, at) => vault.audit(event(at))));
    const lines = (await readFile(place.audit, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual(
      Array.from({ length: 200 }, (_, at) => at + 1),
    );
    expect((await verify()).ok).toBe(true);
  });

  const edits: [string, (lines: string[]) => string[], number][] = [
    ['a changed word', (lines) => replaced(lines, 2, (line) => line.replace('allowed', 'refused')), 3],
    ['a changed number', (lines) => replaced(lines, 2, (line) => line.replace('"seq":2', '"seq":7')), 3],
    ['a changed MAC', (lines) => replaced(lines, 0, (line) => line.replace(/"mac":"./, '"mac":"-')), 1],
    ['an added space', (lines) => replaced(lines, 1, (line) => line.replace('{', '{ ')), 2],
    ['a field after the MAC', (lines) => replaced(lines, 1, (line) => line.replace(/\}$/, ',"x":1}')), 2],
    ['a removed line', (lines) => lines.filter((_, at) => at !== 2), 4],
    ['a removed first line', (lines) => lines.slice(1), 2],
    ['a repeated line', (lines) => [...lines.slice(0, 3), ...lines.slice(2)], 4],
    [
      'two lines of one chain in the wrong order',
      (lines) => [lines[0], lines[1], lines[4], lines[3], lines[2], lines[5]] as string[],
      3,
    ],
    ['a made up line', (lines) => [...lines, '{"time":"2026-01-01T00:00:00.000Z","action":"credential.release"}'], 7],
    ['a made up number', (lines) => [...lines, '7'], 7],
  ];
  for (const [what, edit, line] of edits) {
    it(`shows ${what}, and where`, async () => {
      const lines = await twoChains();
      await writeFile(place.audit, `${edit(lines).join('\n')}\n`);
      const report = await verify();
      expect(report.ok).toBe(false);
      expect(report.problems[0]?.line).toBe(line);
    });
  }

  it('shows an authentic line that does not continue the one before, or has the wrong number', async () => {
    const lines = await twoChains();
    const { keyring } = await place.open();
    const { body } = splitLine(lines[5] ?? '') ?? { body: '' };
    const forgeries = [body.replace(/"prev":".+"/, '"prev":"other"'), body.replace('"seq":3', '"seq":4')];
    for (const forged of forgeries) {
      const mac = auditMac(keyring, keyring.currentKeyId, forged);
      await writeFile(place.audit, `${[...lines.slice(0, 5), `${forged},"mac":"${mac}"}`].join('\n')}\n`);
      expect((await verify()).problems).toEqual([{ line: 6, problem: expect.any(String) }]);
    }
  });

  it('of another vault does not verify here', async () => {
    await twoChains();
    const other = vaultFolder();
    const store = await other.open();
    await writeFile(other.audit, await readFile(place.audit));
    const report = await verifyAudit(store);
    expect(report.problems).toHaveLength(6);
  });

  it('reports a line that a crash cut short without calling the log altered', async () => {
    const lines = await twoChains();
    await appendFile(place.audit, (lines[5] ?? '').slice(0, 40));
    expect(await verify()).toMatchObject({ lines: 6, torn: [7], ok: true });
    const vault = await openOne();
    await vault.audit(event(7));
    expect(await verify()).toMatchObject({ lines: 7, chains: 3, torn: [7], ok: true });
  });

  it('goes on as a new chain after a failure, and the log verifies', async () => {
    const vault = await openOne();
    await vault.audit(event(0));
    await rename(place.audit, `${place.audit}.kept`);
    await mkdir(place.audit);
    const failed = await Promise.allSettled([vault.audit(event(1)), vault.audit(event(2))]);
    for (const result of failed) expect(result).toMatchObject({ reason: { code: 'audit_unavailable' } });
    await rm(place.audit, { recursive: true });
    await rename(`${place.audit}.kept`, place.audit);
    await vault.audit(event(3));
    expect(await verify()).toMatchObject({ lines: 2, chains: 2, ok: true });
  });

  it('of an empty log is in order', async () => {
    expect(await verify()).toMatchObject({ lines: 0, chains: 0, torn: [], ok: true, problems: [] });
  });

  it('writes no field that an event does not have', async () => {
    const vault = await openOne();
    await vault.audit({ ...event(0), secret: 'never' } as AuditEvent);
    expect(await readFile(place.audit, 'utf8')).not.toContain('never');
  });
});

function replaced(lines: string[], at: number, change: (line: string) => string): string[] {
  return lines.map((line, index) => (index === at ? change(line) : line));
}
