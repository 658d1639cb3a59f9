/**
 * The Store interface: rows whose secret part is opaque. Two implementations: a JSON file, and PostgreSQL. No method
 * may assume that all rows fit in memory, and none ever sees a plaintext secret.
 */
import type { Owner } from '../principal.ts';
import type { KeyHeader } from '../seal/key-header.ts';
import type { Keyring } from '../seal/keyring.ts';
import type {
  ApprovalAct,
  ApprovalDetails,
  ApprovalFacts,
  Asked,
  CallPolicy,
  SharePermission,
  ToolDifference,
  ToolRules,
} from './asked.ts';
import type { AuditStore } from './audit/audit-store.ts';
import type { ClientRegistration } from './client-registration.ts';
import type { CountTogether } from './counting.ts';
import type { Held, Within } from './quota.ts';
import type { Row } from './row.ts';
import type { SeenToolsCount, SeenToolsRow } from './seen-tools.ts';
import type { Reader, Share } from './sharing.ts';
import type { AssistantRow, PasskeyRow, SessionRow, SignInRows } from './sign-in-rows.ts';
import type { UnderKeys } from './under-keys.ts';

export type {
  ApprovalAct,
  ApprovalDetails,
  ApprovalFacts,
  CallPolicy,
  Share,
  SharePermission,
  ToolDifference,
  ToolRules,
};

export type CredentialStatus = 'active' | 'reconnect_required';

/** How the secret came to Keyward; what URL elicitation obtained needs the owner's act before it is released. */
export type ObtainedBy = 'tool' | 'page' | 'elicitation' | 'rest';

export type CredentialRow = Row & {
  readonly connectorId: string;
  readonly authenticationType: string;
  readonly name: string;
  readonly status: CredentialStatus;
  /** Why a person has to connect again; null while active. */
  readonly statusReason: string | null;
  /** When the status changed last, in milliseconds since 1970; absent while it has its first, and on rows from before it was noted. */
  readonly statusSince?: number;
  /** Label of the account at the service, once verified. */
  readonly account: string | null;
  readonly scopes: readonly string[] | null;
  /** The scopes that were asked for instead of the usual ones, and are when it is connected again; null or absent: the usual ones. */
  readonly askedScopes?: readonly string[] | null;
  /** Connection inputs that are no secret (region, shop). */
  readonly inputs: Readonly<Record<string, string>>;
  /** The hosts it was made for; never widened by a later change of the connector file. */
  readonly hosts: readonly string[];
  /** The auth config it was obtained with; `default` is the one from the environment; null for other types. */
  readonly authConfigId: string | null;
  /** Whose auth config that is, of the same tenant, where a backend connected for its user; null or absent: the owner's. */
  readonly authConfigOwner?: string | null;
  readonly obtainedBy: ObtainedBy;
  /** Expiry of the access token. */
  readonly expiresAt: number | null;
  /** When the person consented; absent on rows from before it was noted, and then it is `createdAt`. */
  readonly grantedAt?: number;
  /** When a person has to connect again, as far as that is known; absent on rows from before it was noted. */
  readonly reconnectBy?: number | null;
  /** When the refresh token was last used or obtained; base of idle lifetimes. */
  readonly refreshedAt: number | null;
  /** Set while a refresh is under way, so that a kill in the middle can be explained afterwards. */
  readonly refreshStartedAt: number | null;
  readonly lastUsedAt: number | null;
  /** What it was called before, and when that changed; absent while it has its first name. */
  readonly renamed?: { readonly from: string; readonly at: number };
  /** Absent on rows that were written before anything could be shared. They end with the row. */
  readonly shares?: readonly Share[];
  /** What the owner allows anybody to call, itself included; absent or null is everything. */
  readonly policy?: CallPolicy | null;
  /** Of an MCP server; absent or null before the first list. */
  readonly seenTools?: SeenToolsCount | null;
};

export type AuthConfigRow = Row & {
  readonly connectorId: string;
  readonly name: string;
  readonly clientId: string;
  /** The authorization server, where the connection names it; its secret goes nowhere else. Absent or null: the connector's. */
  readonly server?: string | null;
  /**
   * The hosts that it was entered for, with {variables} where one client serves many customers; its secret goes to no
   * other, whatever the connector's file says later. Absent on rows from before that was noted; their next use notes it.
   */
  readonly hosts?: readonly string[];
  /** How Keyward registered itself (RFC 7591, or by its metadata document); absent for clients that a person entered. */
  readonly registration?: ClientRegistration;
  /** Scopes to ask for instead of the connector's defaults. */
  readonly scopes: readonly string[] | null;
};

type AttemptStatus = 'pending' | 'exchanging' | 'completed' | 'failed';

export type AttemptRow = Row & {
  readonly connectorId: string;
  readonly authenticationType: string;
  readonly name: string | null;
  /** The credential to reconnect in place; null for a new one. */
  readonly reconnects: string | null;
  readonly authConfigId: string | null;
  /** As on the credential. */
  readonly authConfigOwner?: string | null;
  /** `code`: browser and callback. `device`: RFC 8628. `form`: a page takes what is missing, nothing else follows. */
  readonly flow: 'code' | 'device' | 'form';
  /** The redirect URI registered at the service, sent again at the exchange. */
  readonly redirectUri: string;
  /** Where the caller wants the person to end up; null shows Keyward's own result page. */
  readonly returnTo: string | null;
  readonly inputs: Readonly<Record<string, string>>;
  /** As on the credential. */
  readonly askedScopes?: readonly string[] | null;
  readonly obtainedBy: ObtainedBy;
  /** The MCP client that asked, for the page to show. */
  readonly client: string | null;
  /** Keyed digest of the arguments that started it (URL elicitation comes back with the same ones). */
  readonly argumentsDigest: string;
  readonly status: AttemptStatus;
  /** The credential that came out of it. */
  readonly credentialId: string | null;
  /** The attempt that the person began instead, on the page of this one; absent while it stands for itself. */
  readonly continuedAs?: string;
  /** The user who started it for its owner, of the same tenant; null or absent when the owner did. */
  readonly startedBy?: string | null;
  /** Mark of the browser that claimed an attempt which somebody started for its owner. */
  readonly browser?: string | null;
  /** `denied`: a person, or whoever decides at the service, said no. */
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly denied?: true;
  } | null;
  readonly expiresAt: number;
};

/**
 * The secret that reconnecting replaced, and what of the credential belonged to it, under the id of the credential: there
 * is never more than one. Its sealed part is that secret.
 */
export type ReplacedSecretRow = Row &
  Pick<
    CredentialRow,
    | 'connectorId'
    | 'account'
    | 'inputs'
    | 'scopes'
    | 'askedScopes'
    | 'authConfigId'
    | 'authConfigOwner'
    | 'obtainedBy'
    | 'grantedAt'
  > & {
    /** The program that reconnected, as it calls itself. */
    readonly client: string | null;
    readonly replacedAt: number;
    /** Until when it can be brought back; after that it is swept away. */
    readonly expiresAt: number;
  };

/** A request for its owner's approval; its sealed part is the key of the request's link and form. */
export type ApprovalRow = Row & Asked;

/** Row type of each kind. */
export type Rows = SignInRows & {
  credential: CredentialRow;
  authConfig: AuthConfigRow;
  attempt: AttemptRow;
  approval: ApprovalRow;
  replacedSecret: ReplacedSecretRow;
  seenTools: SeenToolsRow;
};
export type Kind = keyof Rows;
/** Kinds of rows that are swept away some time after they ended. */
export type EndingKind = Exclude<keyof SignInRows, 'session' | 'signInCode' | 'passkey'> | 'attempt' | 'replacedSecret';

/** Kinds whose rows somebody comes with, again and again. */
export type TokenKind = 'session' | 'assistant' | 'visit';

/** A row with its kind. */
export type KindRow = { [K in Kind]: { readonly kind: K; readonly row: Rows[K] } }[Kind];

/** Filters of a list; only what a query has an index for. */
export type ListFilter = { readonly connectorId?: string; readonly status?: string };

/** Keyset page: rows strictly after (`createdAt`, `id`), in that order. */
export type Page = { readonly after?: { readonly createdAt: number; readonly id: string }; readonly limit: number };

/** A page of what a reader sees: their own rows in that order, then those that others share with them. */
export type VisiblePage = {
  readonly after?: { readonly shared: boolean; readonly createdAt: number; readonly id: string };
  readonly limit: number;
};

/**
 * One change of one row. One that has to stay `within` a quota fails with `limit_reached` otherwise. `update` and `delete` fail with `conflict` unless the stored row has version `ifVersion`. An
 * update that leaves `secretVersion` as it is leaves the stored box, too: a rotation of the data key may have sealed
 * the same secret anew.
 */
export type Change =
  | { [K in Kind]: Within & { readonly op: 'insert'; readonly kind: K; readonly row: Rows[K] } }[Kind]
  | { [K in Kind]: Within & Updated & { readonly op: 'update'; readonly kind: K; readonly row: Rows[K] } }[Kind]
  | (Updated & { readonly op: 'delete'; readonly kind: Kind; readonly owner: Owner; readonly id: string });

type Updated = { readonly ifVersion: number };

export interface Store extends AuditStore {
  /** Where it is, in words for a person: a path, or a URL without its password. */
  readonly location: string;
  /** The data keys of this vault, as they were when the store last looked. */
  readonly keyring: Keyring;
  /** The data keys as they are stored: wrapped, with their states and the source of the outer key. */
  readonly keys: KeyHeader;
  /** Looks whether another process changed the data keys; afterwards `keyring` is at most a second old. */
  refreshKeys(): Promise<void>;
  /** Whether the store would take a write now; fails with what is wrong. Cheap. */
  ping(): Promise<void>;

  /** The row, if it belongs to this owner. Ids are compared exactly. */
  get<K extends Kind>(kind: K, owner: Owner, id: string): Promise<Rows[K] | undefined>;
  /** An attempt whoever owns it: an OAuth callback carries no principal. The caller checks the binding. */
  findAttempt(id: string): Promise<AttemptRow | undefined>;
  /** A session whoever owns it: the request that brings its token has no principal yet. The caller compares the hash. */
  findSession(id: string): Promise<SessionRow | undefined>;
  /** A passkey whoever owns it: it is what tells who signs in. The caller checks what it signed. */
  findPasskey(id: string): Promise<PasskeyRow | undefined>;
  /** An assistant whoever let it in, as for a session. The caller checks what it comes with. */
  findAssistant(id: string): Promise<AssistantRow | undefined>;
  /** The rows of such a kind of every owner, for whoever runs Keyward, and an issuer that names no owner. */
  listTokens<K extends TokenKind>(kind: K, page: Page): Promise<Rows[K][]>;
  /** The credential, if it belongs to this reader or is shared with it. The caller checks what the share allows. */
  findVisible(reader: Reader, id: string): Promise<CredentialRow | undefined>;
  /** The reader's own credentials and those that are shared with it, as one list. */
  listVisible(reader: Reader, filter: ListFilter, page: VisiblePage): Promise<CredentialRow[]>;
  /** The credentials of other tenants that have a share with this one, taken or not, over or not. */
  listOffered(tenant: string, page: Page): Promise<CredentialRow[]>;
  list<K extends Kind>(kind: K, owner: Owner, filter: ListFilter, page: Page): Promise<Rows[K][]>;
  /** How much of one kind an owner has at this moment. */
  held(kind: Kind, owner: Owner): Promise<Held>;
  /** All or nothing; durable when it resolves. Concurrent commits are grouped. */
  commit(changes: UnderKeys<Change>): Promise<void>;
  /** Sets `lastUsedAt` of credentials and tokens, never backwards, without touching versions. Durable when it resolves. */
  touch(times: ReadonlyMap<string, { readonly owner: Owner; readonly at: number }>): Promise<void>;
  /** Deletes the rows of a kind that ended before this time. */
  purge(kind: EndingKind, before: number): Promise<void>;

  /**
   * Runs `work` while holding the named lease against every other process on this store (and every other caller in
   * this one). Waits at most `waitMs`, then `vault_busy`. A dead holder's lease is free again.
   */
  withLease<T>(
    name: string,
    options: { readonly waitMs: number; readonly signal?: AbortSignal },
    work: () => Promise<T>,
  ): Promise<T>;
  /** Null for a file: it would be written anew for every count, so that each process counts for itself. */
  readonly countTogether: CountTogether | null;

  /**
   * Every row of every owner and kind, as of one moment, for what works on a whole vault. A record that was not written
   * by Keyward is `vault_damaged`, unless somebody wants to hear of it: then it is left out.
   */
  scan(onForged?: (record: { readonly kind: Kind; readonly id: string }) => void): AsyncIterable<KindRow>;
  /** Replaces boxes that are still as they were; no version changes, because no secret does. */
  reseal(boxes: readonly Reseal[]): Promise<void>;
  /** Proves under the current key whatever the store itself proves under another one; answers how many records that were. */
  proveAnew(): Promise<number>;
  /** Stores what `change` makes of the keys; it may run again. Nothing made under those before arrives afterwards. */
  changeKeys(change: (keys: Keyring) => Promise<Keyring> | Keyring): Promise<void>;

  close(): Promise<void>;
}

/** A box that is sealed anew, and the one that it replaces. */
export type Reseal = {
  readonly kind: Kind;
  readonly owner: Owner;
  readonly id: string;
  readonly from: string;
  readonly to: string;
};
