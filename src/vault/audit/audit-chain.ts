/**
 * The audit chain. Each process writes one chain of lines:
 *
 *     {"time":…,"chain":"<id>","key":"<key id>","seq":3,…event…,"prev":"<MAC of line 2>","mac":"<MAC>"}
 *
 * The MAC (HMAC-SHA256 under a key derived from the data key) covers the line up to `,"mac"`, and thereby the line
 * before it. A line that was edited, removed from the middle or moved breaks its chain; `audit-verify.ts` finds it.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Keyring } from '../../seal/keyring.ts';
import { deriveKey } from '../../seal/seal.ts';
import type { AuditHead } from '../../store/audit/audit-head.ts';
import type { AuditLine } from '../../store/audit/audit-line.ts';
import { grouped } from '../../store/group.ts';
import type { Store } from '../../store/store.ts';
import type { AuditEntry, AuditEvent, PlacedEntry } from '../vault.ts';

type Head = { readonly chain: string; readonly key: string; readonly seq: number; readonly mac: string };

/** `prev` of a chain's first line. */
export const noPrevious = '';

const macSuffix = /^,"mac":"([A-Za-z0-9_-]{43})"\}$/;
const suffixLength = ',"mac":""}'.length + 43;

export function auditChain(store: Pick<Store, 'keyring' | 'appendAudit'>) {
  let head = newHead(store.keyring);

  const events = grouped<AuditEvent>(async (taken) => {
    let next = head;
    const linesUnder = (keyring: Keyring) => {
      // A key that is being left writes nothing more: what follows is a chain of its own.
      next = head.key === keyring.currentKeyId ? head : newHead(keyring);
      return taken.map((event) => {
        const { line, head: after } = nextLine(keyring, next, event);
        next = after;
        return line;
      });
    };
    try {
      await store.appendAudit(linesUnder);
      head = next;
    } catch (error) {
      // Nobody knows which of the lines arrived. A new chain keeps the log free of two lines with one number.
      head = newHead(store.keyring);
      throw error;
    }
    return [];
  });

  return { append: (event: AuditEvent) => events.add(event), idle: () => events.idle() };
}

function newHead(keyring: Keyring): Head {
  return { chain: randomBytes(9).toString('base64url'), key: keyring.currentKeyId, seq: 0, mac: noPrevious };
}

function nextLine(keyring: Keyring, { chain, key, seq, mac: prev }: Head, event: AuditEvent) {
  const { tenant, user, onBehalfOf, client, action, subject, connectorId, request, outcome, code, count, reason } =
    event;
  const told = {
    tenant,
    user,
    onBehalfOf,
    client,
    action,
    subject,
    connectorId,
    request,
    outcome,
    code,
    count,
    reason,
  };
  const body = JSON.stringify({ time: new Date().toISOString(), chain, key, seq: seq + 1, ...told, prev }).slice(0, -1);
  const mac = auditMac(keyring, key, body);
  return { line: `${body},"mac":"${mac}"}`, head: { chain, key, seq: seq + 1, mac } };
}

/** The act by which lines are put aside; its line is the first of the log that follows them. */
const archiveAction = 'audit.archive';

/** The first line of a log: that what came before it, up to this head, was put aside by this user. It begins a chain. */
export function archiveLine(
  keyring: Keyring,
  head: AuditHead,
  by: Pick<AuditEvent, 'tenant' | 'user' | 'client'>,
): string {
  const reason = `${head.lines}:${head.digest}`;
  return nextLine(keyring, newHead(keyring), { ...by, action: archiveAction, outcome: 'allowed', reason }).line;
}

/** The head that such a line names; undefined for any other line. Whether it is authentic is for the caller to find out. */
export function archivedIn(line: string): AuditHead | undefined {
  const { action, reason } = entryOf(line) ?? {};
  return action === archiveAction ? parseHead(String(reason)) : undefined;
}

/** A head as `lines:digest`; undefined for any other text. */
export function parseHead(text: string): AuditHead | undefined {
  const [, lines, digest] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  return digest === undefined ? undefined : { lines: Number(lines), digest };
}

/** MAC of a line's body under the key of this id, retired ones included. `vault_damaged` if the vault has no such key. */
export function auditMac(keyring: Keyring, keyId: string, body: string): string {
  const key = keyring.retired.get(keyId)?.auditKey ?? deriveKey(keyring, 'audit', keyId);
  return createHmac('sha256', key).update(body).digest('base64url');
}

/** Takes a line apart into what the MAC covers and the MAC. */
export function splitLine(line: string): { readonly body: string; readonly mac: string } | undefined {
  const mac = macSuffix.exec(line.slice(-suffixLength))?.[1];
  return mac === undefined ? undefined : { body: line.slice(0, -suffixLength), mac };
}

/** The log without what only its verification needs. A line that a crash cut short is no entry. */
export async function* auditEntries(store: Pick<Store, 'readAudit'>): AsyncIterable<AuditEntry> {
  for await (const line of store.readAudit()) {
    const entry = entryOf(line);
    if (entry !== undefined) yield entry;
  }
}

/** Entries with their places, in the order of these lines. */
export async function* placedEntries(lines: AsyncIterable<AuditLine>): AsyncIterable<PlacedEntry> {
  for await (const { line, at, next } of lines) {
    const entry = entryOf(line);
    if (entry !== undefined) yield { entry, at, next };
  }
}

function entryOf(line: string): AuditEntry | undefined {
  try {
    const { chain: _, key: __, seq: ___, prev: ____, mac: _____, ...entry } = JSON.parse(line);
    return entry as AuditEntry;
  } catch {
    // Cut short: its writer got no success.
    return undefined;
  }
}
