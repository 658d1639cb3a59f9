/** The vault: store + sealing. All that the broker sees of storage. */
import type { Owner } from '../principal.ts';
import type { SeenToolsRow } from '../store/seen-tools.ts';
import type { Reader } from '../store/sharing.ts';
import type {
  AssistantRow,
  AuthorizationRow,
  IssuedVisit,
  PasskeyRow,
  RecentAssistantRow,
  RegistrationRow,
  SessionRow,
  SignInCodeRow,
  StoredLimits,
  TokenParent,
  UsedChallengeRow,
  VisitRow,
} from '../store/sign-in-rows.ts';
import type {
  ApprovalRow,
  AttemptRow,
  AuthConfigRow,
  CredentialRow,
  ListFilter,
  Page,
  ReplacedSecretRow,
  Store,
  TokenKind,
  VisiblePage,
} from '../store/store.ts';

export { canonicalJson } from '../seal/canonical.ts';
export type { AskedCall, CallRule, UnansweredRequest } from '../store/asked.ts';
export type { ClientRegistration } from '../store/client-registration.ts';
export { offerTo, type Reader, reaches, readerUnder, type ShareRule } from '../store/sharing.ts';
export type {
  ApprovalAct,
  ApprovalDetails,
  ApprovalFacts,
  CallPolicy,
  CredentialStatus,
  ObtainedBy,
  Page,
  Share,
  SharePermission,
  ToolDifference,
  ToolRules,
  VisiblePage,
} from '../store/store.ts';
export type { IssuedVisit, StoredLimits, TokenParent };

/** A row without what only storage needs. `secretVersion` stays: it tells a reader whether somebody rotated. */
type Stored<R> = Omit<R, 'sealed'>;

export type Credential = Stored<CredentialRow>;
export type AuthConfig = Stored<AuthConfigRow>;
export type Attempt = Stored<AttemptRow>;
export type Session = Stored<SessionRow>;
export type Approval = Stored<ApprovalRow>;
export type ReplacedSecret = Stored<ReplacedSecretRow>;
export type SeenTools = Stored<SeenToolsRow>;
export type Visit = Stored<VisitRow>;
export type Passkey = Stored<PasskeyRow>;
export type Assistant = Stored<AssistantRow>;

/** The plaintext inside a credential. */
export type CredentialSecret =
  | {
      readonly kind: 'tokens';
      readonly accessToken: string;
      readonly tokenType: string;
      readonly refreshToken: string | null;
      readonly expiresAt: number | null;
      readonly scopes: readonly string[] | null;
      /** The secret inputs that the tokens are obtained with again: a service account's key. */
      readonly inputs?: Readonly<Record<string, string>>;
      /** When the refresh token ends, where the service says so; absent on secrets from before that was kept. */
      readonly refreshExpiresAt?: number | null;
      /**
       * Hosts of the authorization server that it was obtained from: what renews it goes to no other. Absent on secrets
       * from before that was kept; their next refresh notes it.
       */
      readonly serverHosts?: readonly string[];
      /** Fields of the token answer or the callback that the connector keeps (`instance_url`). */
      readonly kept: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'inputs'; readonly inputs: Readonly<Record<string, string>> };

/** The secret of a type whose tokens come from a token endpoint. */
export type TokenSecret = Extract<CredentialSecret, { kind: 'tokens' }>;

type AuthConfigSecret = { readonly clientSecret: string | null };

export type AttemptSecret = {
  /** PKCE verifier (RFC 7636 §4.1). */
  readonly codeVerifier: string;
  /** Key of the attempt: OAuth state and form tokens are derived from it and the browser's cookie. */
  readonly key: string;
  /** Secret inputs given so far. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Whose token may be given to whom, as the person agreed; absent before, and where nobody has to. */
  readonly agreed?: string;
  /** RFC 8628 device flow. */
  readonly device: {
    readonly deviceCode: string;
    readonly userCode: string;
    readonly verificationUri: string;
    readonly verificationUriComplete: string | null;
    readonly intervalSeconds: number;
    readonly nextPollAt: number;
  } | null;
};

/** The sealed part of a passkey; all of it in base64url. */
export type PasskeySecret = {
  readonly credentialId: string;
  /** COSE key (RFC 9052 §7). */
  readonly publicKey: string;
  /** What the authenticator knows its owner as: chance, no name, and the same for all passkeys of one owner. */
  readonly userHandle: string;
};

/** Lists of an MCP server whose entries its owner has to have seen; `server` is what it says of itself. */
export type ServerList = 'tools' | 'prompts' | 'server';

/** A definition as an MCP server gave it, without what may differ from one list to the next. */
export type ServedDefinition = Readonly<Record<string, unknown>>;

/** A tool or prompt of an MCP server, or its instructions: as its owner saw it, and as it is now where that differs. */
export type SeenItem = {
  readonly kind: 'tool' | 'prompt' | 'server';
  readonly name: string;
  /** Null while its owner has not seen it. */
  readonly seen: ServedDefinition | null;
  /** Null while it is as it was seen, and where there is no room to keep it. */
  readonly now: ServedDefinition | null;
};

/** The sealed part of what the owner of a connection saw of an MCP server. */
export type SeenDefinitions = {
  /** Address of the server that they are from; null where only its answers passed by. */
  readonly server: string | null;
  readonly items: readonly SeenItem[];
  /** Lists that were not read to their end yet: when reading began, in milliseconds since 1970, or null. */
  readonly unread: Readonly<Partial<Record<ServerList, number | null>>>;
};

/** The sealed part of an assistant. */
export type AssistantSecret = {
  /** Its authorization code and its refresh tokens are derived from it. */
  readonly key: string;
  /** What the authorization code stands for; null until it is made. */
  readonly code: Readonly<Record<string, unknown>> | null;
};

/** Record and secret type of each kind. */
export type Records = {
  credential: { record: Credential; secret: CredentialSecret };
  authConfig: { record: AuthConfig; secret: AuthConfigSecret };
  attempt: { record: Attempt; secret: AttemptSecret };
  session: { record: Session; secret: Record<string, never> };
  signInCode: { record: Stored<SignInCodeRow>; secret: Owner };
  visit: { record: Visit; secret: Record<string, never> };
  passkey: { record: Passkey; secret: PasskeySecret };
  usedChallenge: { record: Stored<UsedChallengeRow>; secret: Record<string, never> };
  /** `key`: link and form tokens of one request are derived from it; each new request has a new one. */
  approval: { record: Approval; secret: { readonly key: string } };
  replacedSecret: { record: ReplacedSecret; secret: CredentialSecret };
  seenTools: { record: SeenTools; secret: SeenDefinitions };
  assistant: { record: Assistant; secret: AssistantSecret };
  recentAssistant: { record: Stored<RecentAssistantRow>; secret: Record<string, never> };
  /** RFC 7591 §2. */
  registration: { record: Stored<RegistrationRow>; secret: Readonly<Record<string, unknown>> };
  authorization: { record: Stored<AuthorizationRow>; secret: Readonly<Record<string, unknown>> };
};
type RecordKind = keyof Records;

/** What the caller gives for a new record: the vault adds versions and times. */
export type New<R> = Omit<R, 'version' | 'secretVersion' | 'createdAt' | 'updatedAt'>;

/**
 * One change. `update` takes the record as it was read plus the changed fields; it fails with `conflict` when somebody
 * else changed it since. Without `secret` the sealed part and `secretVersion` stay as they are.
 */
export type VaultChange = {
  [K in RecordKind]:
    | {
        readonly op: 'create';
        readonly kind: K;
        readonly record: New<Records[K]['record']>;
        readonly secret: Records[K]['secret'];
      }
    | {
        readonly op: 'update';
        readonly kind: K;
        readonly record: Records[K]['record'];
        readonly secret?: Records[K]['secret'];
      }
    | { readonly op: 'delete'; readonly kind: K; readonly record: Records[K]['record'] };
}[RecordKind];

/** One entry of the audit log; the vault adds time, chain and MAC. Never a secret, and of a caller's text only the path of a call. */
export type AuditEvent = {
  readonly tenant: string;
  /** Who acted. */
  readonly user: string;
  /** The user of the same tenant for whom that was done, when it was somebody else. */
  readonly onBehalfOf?: string;
  readonly client?: string;
  /** `credential.release`, `attempt.start`, … */
  readonly action: string;
  /** Id of what it is about. */
  readonly subject?: string;
  readonly connectorId?: string;
  /** Method, host and path of a call, without its query and the secret: `GET api.github.com/user`. */
  readonly request?: string;
  readonly outcome: 'allowed' | 'refused' | 'failed';
  /** Error code of a refusal or failure. */
  readonly code?: string;
  /** How many times, when repeated refusals were counted. */
  readonly count?: number;
  /** Why, in the words of whoever runs Keyward. */
  readonly reason?: string;
};

/** An event as the log holds it. */
export type AuditEntry = AuditEvent & {
  /** ISO 8601. */
  readonly time: string;
};

/** An entry with its own place and the next one. */
export type PlacedEntry = { readonly entry: AuditEntry; readonly at: number; readonly next: number };

/** What the store does, and the vault passes on; the names of its shared counters are stored as keyed digests. */
type Passed = Pick<Store, 'location' | 'ping' | 'purge' | 'withLease' | 'countTogether' | 'refreshKeys' | 'close'>;

export interface Vault extends Passed {
  get<K extends RecordKind>(kind: K, owner: Owner, id: string): Promise<Records[K]['record'] | undefined>;
  /** The credential, if it belongs to this reader or is shared with it. */
  findVisible(reader: Reader, id: string): Promise<Credential | undefined>;
  /** The reader's own credentials, then those that are shared with it, as one list. */
  listVisible(reader: Reader, filter: ListFilter, page: VisiblePage): Promise<Credential[]>;
  /** The credentials of other tenants that have a share with this one, taken or not, over or not. */
  listOffered(tenant: string, page: Page): Promise<Credential[]>;
  findAttempt(id: string): Promise<Attempt | undefined>;
  findSession(id: string): Promise<Session | undefined>;
  findPasskey(id: string): Promise<Passkey | undefined>;
  findAssistant(id: string): Promise<Assistant | undefined>;
  /** The records of such a kind of every owner, for whoever runs Keyward, and an issuer that names no owner. */
  listTokens<K extends TokenKind>(kind: K, page: Page): Promise<Records[K]['record'][]>;
  list<K extends RecordKind>(kind: K, owner: Owner, filter: ListFilter, page: Page): Promise<Records[K]['record'][]>;
  /** The secret of a record, as of the record's `secretVersion` or newer. `not_found` if it is gone. */
  open<K extends RecordKind>(kind: K, record: Records[K]['record']): Promise<Records[K]['secret']>;
  /** Throws `limit_reached` unless the owner may keep one more of these. For before an act that can't be undone. */
  requireRoom(kind: RecordKind, owner: Owner): Promise<void>;
  /** All or nothing; durable when it resolves. `limit_reached` when an owner would keep more than one may. */
  commit(changes: readonly VaultChange[]): Promise<void>;
  /** Notes that the credential was used now; written lazily, at most every few seconds, and at close. */
  touch(credential: Credential): void;
  /** As `touch`, for what came with a request; written at most once every few minutes. */
  touchToken(token: Session | Assistant): void;
  /** Keyed digest (hex) under the current key of the vault: only processes that can open this vault compute the same. */
  proof(purpose: string, message: string): string;
  /** Every whole audit entry, oldest first, as it was written; `verifyAudit` says whether they are genuine. */
  readAudit(): AsyncIterable<AuditEntry>;
  /** The entries from a place on, each with its own place and the next one; 0 is the first. */
  readAuditFrom(place: number): AsyncIterable<PlacedEntry>;
  /** The entries before a place, newest first; null is the end. */
  readAuditBack(place: number | null): AsyncIterable<PlacedEntry>;
  /** Durable when it resolves; `audit_unavailable` otherwise. Events of one process form one hash chain. */
  audit(event: AuditEvent): Promise<void>;
}
