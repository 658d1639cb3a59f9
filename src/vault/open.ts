/** The vault over a store: seals and opens secrets, counts versions, notes use, keeps the audit chain. */
import { createHmac } from 'node:crypto';
import { secretsRememberedMs } from '../bounded-map.ts';
import { KeywardError } from '../errors.ts';
import type { Owner } from '../principal.ts';
import { lengthPrefixed } from '../seal/derive.ts';
import type { Keyring } from '../seal/keyring.ts';
import { deriveKey, open, seal } from '../seal/seal.ts';
import type { CountTogether } from '../store/counting.ts';
import type { Quota } from '../store/quota.ts';
import { requireRoom } from '../store/quota.ts';
import type { Change, Kind, Rows, Store } from '../store/store.ts';
import { auditChain, auditEntries, placedEntries } from './audit/audit-chain.ts';
import { createLastUsed } from './last-used.ts';
import { contextOf, type Named } from './seal-context.ts';
import { createTurns } from './turns.ts';
import type { AuditEvent, Records, Vault, VaultChange } from './vault.ts';

/** The last use of a token is as exact as this: a program that calls all the time has it written rarely. */
const tokenUseMs = 300_000;

/** One owner's new records are written one by one, and those of others in between. */
const creatingLimits = { atOnce: 1, waiting: 1_000, what: 'new records' };

/**
 * Opens the vault over a store. Closing the vault closes the store. `observe` is called with each event that the log holds;
 * `maxCredentials` is how many one owner may keep.
 */
export async function openVault(
  store: Store,
  observe?: (event: AuditEvent) => void,
  maxCredentials: number = usualMaxCredentials,
): Promise<Vault> {
  const quotas = quotasWith(maxCredentials);
  const creating = createTurns(creatingLimits);
  const chain = auditChain(store);
  const opened = createOpenedCache<object>();
  const notes = createLastUsed((times) => store.touch(times));

  function read<K extends Kind>(kind: K, row: Rows[K]): Records[K]['record'] {
    const record = recordOf<K>(row);
    return kind === 'credential' ? notes.seen(record as Records['credential']['record']) : record;
  }

  async function rowOf(kind: Kind, record: Named): Promise<Rows[Kind] | undefined> {
    return store.get(kind, { tenant: record.tenant, user: record.owner }, record.id);
  }

  /**
   * The row that a change stores. Versions count on from the record as it was read; the store refuses the change when
   * that is not the newest, so it need not be read again.
   */
  function changeOf(keyring: Keyring, change: VaultChange, now: number): Change {
    const { op, kind, record } = change;
    if (op === 'create') {
      const first = { version: 1, secretVersion: 1, createdAt: now, updatedAt: now };
      const sealed = sealSecret(keyring, kind, record, 1, change.secret);
      return { op: 'insert', kind, row: { ...record, ...first, sealed }, within: quotas[kind] } as Change;
    }
    if (op === 'delete') {
      const owner: Owner = { tenant: record.tenant, user: record.owner };
      return { op, kind, owner, id: record.id, ifVersion: record.version };
    }
    const secretVersion = record.secretVersion + (change.secret === undefined ? 0 : 1);
    // While the secret's version stays, the store keeps the box that it has.
    const sealed = change.secret === undefined ? '' : sealSecret(keyring, kind, record, secretVersion, change.secret);
    const counted = { version: record.version + 1, secretVersion, updatedAt: now, sealed };
    // An update of an approval may open again what was over, and a list of tools may grow; no other kind does either.
    const within = (kind === 'approval' || kind === 'seenTools') && { within: quotas[kind] };
    return { op, kind, row: { ...record, ...counted }, ifVersion: record.version, ...within } as Change;
  }

  return {
    location: store.location,
    ping: () => store.ping(),
    async get(kind, owner, id) {
      const row = await store.get(kind, owner, id);
      return row && read(kind, row);
    },
    async findAttempt(id) {
      const row = await store.findAttempt(id);
      return row && recordOf<'attempt'>(row);
    },
    async findSession(id) {
      const row = await store.findSession(id);
      return row && recordOf<'session'>(row);
    },
    async findPasskey(id) {
      const row = await store.findPasskey(id);
      return row && recordOf<'passkey'>(row);
    },
    async findAssistant(id) {
      const row = await store.findAssistant(id);
      return row && recordOf<'assistant'>(row);
    },
    async listTokens(kind, page) {
      return (await store.listTokens(kind, page)).map((row) => notes.seen(read(kind, row)));
    },
    async findVisible(reader, id) {
      const row = await store.findVisible(reader, id);
      return row && read('credential', row);
    },
    async listVisible(reader, filter, page) {
      return (await store.listVisible(reader, filter, page)).map((row) => read('credential', row));
    },
    async listOffered(tenant, page) {
      return (await store.listOffered(tenant, page)).map((row) => recordOf<'credential'>(row));
    },
    async list(kind, owner, filter, page) {
      return (await store.list(kind, owner, filter, page)).map((row) => read(kind, row));
    },
    async open(kind, record) {
      const row = await rowOf(kind, record);
      if (row === undefined) throw new KeywardError('not_found', 'There is no such record any more.');
      return opened.of(row, () => {
        const secret = open(store.keyring, contextOf(kind, row, row.secretVersion), row.sealed);
        return JSON.parse(Buffer.from(secret).toString('utf8'), (_, value) => Object.freeze(value));
      }) as Records[typeof kind]['secret'];
    },
    async requireRoom(kind, owner) {
      requireRoom(kind, quotas[kind], await store.held(kind, owner), { open: true, bytes: 0 });
    },
    async commit(changes) {
      const commit = () => {
        const now = Date.now();
        return store.commit((keyring) => changes.map((change) => changeOf(keyring, change, now)));
      };
      const created = changes.find(({ op }) => op === 'create')?.record;
      if (created === undefined) return commit();
      await creating.run({ tenant: created.tenant, user: created.owner }, commit);
    },
    touch: (credential) => notes.add(credential),
    touchToken(token) {
      if (Date.now() - (notes.seen(token).lastUsedAt ?? 0) >= tokenUseMs) notes.add(token);
    },
    purge: (kind, before) => store.purge(kind, before),
    withLease: (name, options, work) => store.withLease(name, options, work),
    countTogether: underHiddenNames(store),
    refreshKeys: () => store.refreshKeys(),
    proof: (purpose, message) =>
      createHmac('sha256', deriveKey(store.keyring, 'proof'))
        .update(lengthPrefixed([purpose, message]))
        .digest('hex'),
    readAudit: () => auditEntries(store),
    readAuditFrom: (place) => placedEntries(store.readAuditFrom(place)),
    readAuditBack: (place) => placedEntries(store.readAuditBack(place)),
    async audit(event) {
      await chain.append(event);
      observe?.(event);
    },
    async close() {
      await notes.flush();
      await chain.idle();
      await store.close();
    },
  };
}

function sealSecret(keyring: Keyring, kind: Kind, record: Named, version: number, secret: unknown): string {
  return seal(keyring, contextOf(kind, record, version), Buffer.from(JSON.stringify(secret)));
}

/** A record type is its row type without `sealed`, which the compiler cannot see for a kind it does not know. */
function recordOf<K extends Kind>(row: Rows[K]): Records[K]['record'] {
  const known = records.get(row);
  if (known !== undefined) return known as Records[K]['record'];
  const { sealed: _, ...record } = row;
  records.set(row, Object.freeze(record));
  return record as unknown as Records[K]['record'];
}

/** A store that keeps rows in memory answers the same ones again and again: their records are made once. */
const records = new WeakMap<object, object>();

/** The store's counters under names that only this vault can compute; null when the store has none. */
function underHiddenNames(store: Pick<Store, 'keyring' | 'countTogether'>): CountTogether | null {
  const { countTogether } = store;
  if (countTogether === null) return null;
  return async (more, windowMs) => {
    const key = deriveKey(store.keyring, 'counter');
    const names = new Map<string, string>();
    for (const name of more.keys()) names.set(createHmac('sha256', key).update(name).digest('base64url'), name);
    const hidden = new Map([...names].map(([digest, name]) => [digest, more.get(name) ?? 0]));
    const standings = await countTogether(hidden, windowMs);
    return new Map([...standings].map(([digest, standing]) => [names.get(digest) ?? digest, standing]));
  };
}

/** Far more than a person connects. */
const usualMaxCredentials = 1_000;
/** Of one credential on average; most take a quarter. */
const credentialBytes = 4 * 1024;
/** A few may take far more, such as the keys of service accounts. */
const leastBytes = 1024 * 1024;

/** Of all MCP servers of one owner: every commit of the JSON store writes them. */
const seenToolsBytes = 8 * 1024 * 1024;

/** Of all that strangers send of one kind: every commit of the JSON store writes it, too. */
const strangersBytes = 8 * 1024 * 1024;

/** @param maxCredentials what the operator allows one owner */
function quotasWith(maxCredentials: number): Readonly<Record<Kind, Quota>> {
  return {
    credential: { rows: maxCredentials, bytes: Math.max(leastBytes, maxCredentials * credentialBytes) },
    // One for each credential, and for a while those of deleted ones.
    replacedSecret: { rows: 2 * maxCredentials },
    // One for each credential; a few take as much as all others.
    seenTools: { rows: maxCredentials, bytes: seenToolsBytes },
    authConfig: { rows: 200 },
    // Ended ones can be read for an hour.
    attempt: { rows: 200, open: 20 },
    session: { rows: 1_000, open: 100 },
    // All of them belong to one owner, which no principal can be.
    signInCode: { rows: 10_000 },
    // Signing in ends the oldest beyond twenty; there may be this many while several sign in at once.
    visit: { rows: 100 },
    passkey: { rows: 20 },
    // Each can begin a visit, whose end the vault has to remember: so many within an hour.
    usedChallenge: { rows: 60 },
    approval: { rows: 400, open: 20 },
    // Letting one in ends the oldest beyond fifty; there may be this many while several are let in at once.
    assistant: { rows: 100 },
    // The end of each is one that the vault has to remember: so many within an hour.
    recentAssistant: { rows: 60 },
    // All of these belong to the owner that no principal can be. The oldest that nobody answered makes room.
    registration: { rows: 10_000, bytes: strangersBytes },
    authorization: { rows: 2_000, bytes: strangersBytes },
  };
}

/**
 * Secrets that were opened a moment ago: a program that calls all the time need not have the same one opened each time. By
 * row as the store has it: one that changed is another one, and a store that reads rows anew remembers nothing.
 */
function createOpenedCache<Secret extends object>() {
  let opened: WeakMap<object, Secret> | undefined;
  return {
    of(row: object, open: () => Secret): Secret {
      const known = opened?.get(row);
      if (known !== undefined) return known;
      const secret = open();
      if (opened === undefined) {
        opened = new WeakMap();
        setTimeout(() => {
          opened = undefined;
        }, secretsRememberedMs).unref();
      }
      opened.set(row, secret);
      return secret;
    },
  };
}
