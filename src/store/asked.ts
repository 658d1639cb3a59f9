/** What can be allowed with a connection, and what of it is asked of its owner. */

/** What a share allows: `view` shows metadata, `use` also calls the service; neither ever shows the secret. */
export type SharePermission = 'view' | 'use';

/**
 * Which calls of a service a connection may make, on top of its hosts. Null allows everything. A path pattern matches
 * segment by segment: `*` is one segment, `**` (last) any rest, such as `/repos/**`.
 */
export type CallPolicy = {
  readonly methods: readonly string[] | null;
  readonly paths: readonly string[] | null;
  /** What is asked first, even where it is allowed; absent is nothing. */
  readonly ask?: readonly CallRule[];
  /** Of an MCP server, which tools; absent or null is every tool. */
  readonly tools?: ToolRules | null;
};

/** Calls of a service, by method and path. */
export type CallRule = {
  /** Null is every method. */
  readonly methods: readonly string[] | null;
  /** The methods that are not meant; then `methods` is null. */
  readonly except?: readonly string[];
  /** Path patterns, as those of a policy. Null is every path. */
  readonly paths: readonly string[] | null;
};

/**
 * Which tools of an MCP server a connection may use. A pattern is the name of a tool, in which `*` stands for any
 * characters; `prompt:name` and `resource:uri` are patterns of prompts and resources. What is refused is so even where
 * another list names it, and what is asked even where it is allowed.
 */
export type ToolRules = {
  /** Null is everything that no other list names. */
  readonly allow: readonly string[] | null;
  /** What waits for the owner's yes. */
  readonly ask: readonly string[];
  readonly refuse: readonly string[];
  /** What becomes of a tool or prompt that the owner has not seen, or not as it is now, where the lists do not refuse it. */
  readonly unseen: 'allow' | 'ask' | 'refuse';
};

/**
 * `host`: reaching hosts that a tool's argument names. `reconnect`: replacing what a connection stands for. `call`: sending
 * one call of a service, or one message to an MCP server. `tools`: taking what is new or changed at an MCP server as seen.
 * `delete`: deleting a connection.
 */
export type ApprovalAct = 'release' | 'share' | 'policy' | 'host' | 'reconnect' | 'call' | 'tools' | 'delete';

/** A tool or prompt, or the instructions of a server, before and after, as text for a person. */
export type ToolDifference = {
  readonly kind: 'tool' | 'prompt' | 'server';
  readonly name: string;
  /** Null for one that is new. */
  readonly before: string | null;
  readonly after: string;
};

/** A call of a service as it is sent, without its credential. */
export type AskedCall = {
  readonly method: string;
  /** Without what is injected into it. */
  readonly url: string;
  /** Those of the caller, by name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Null where there is none. */
  readonly body: string | null;
  /** Length of the body as it is sent. */
  readonly bytes: number;
  /** The paths that minutes are for: the pattern of the rule that names this path, else the path itself, which is no pattern. */
  readonly pattern: { readonly of: 'rule' | 'call'; readonly path: string };
};

export type ApprovalDetails = {
  readonly with?: string;
  readonly permission?: SharePermission;
  /** Null lifts every limit. */
  readonly policy?: CallPolicy | null;
  /** What was given for the connection, by field: for `host` the addresses, for `reconnect` what changes. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** `reconnect`: keyed digest of the new secret, where the program gave one. */
  readonly secret?: string;
  /** `reconnect`: by a code that is entered at the service (RFC 8628). */
  readonly code?: boolean;
  /** `call` of a service. */
  readonly call?: AskedCall;
  /** `call` of an MCP server: what the message uses, and the message itself, as it is sent. */
  readonly item?: {
    readonly kind: 'tool' | 'prompt' | 'resource';
    readonly name: string;
    /** Whether the owner saw it as it is now. */
    readonly standing: 'seen' | 'new' | 'changed';
  };
  readonly message?: string;
  /** `tools`: what is new or changed. */
  readonly tools?: readonly ToolDifference[];
};

/** What a person is shown besides the request itself, as it was when it was asked. */
export type ApprovalFacts = {
  /** Name of the service. */
  readonly service: string;
  readonly hosts: readonly string[];
  /** Null where nothing is connected yet. */
  readonly connection: {
    readonly name: string;
    readonly account: string | null;
    readonly connectedAt: number;
    readonly policy: CallPolicy | null;
    /** Only while that is news. */
    readonly renamed: { readonly from: string; readonly at: number } | null;
    readonly inputs: Readonly<Record<string, string>>;
  } | null;
};

/** A request that nobody answered: when it was made, and whether a window or the list showed it. */
export type UnansweredRequest = {
  readonly askedAt: number;
  readonly shown: boolean;
  readonly listed: boolean;
};

/**
 * What a client asks of its owner, and what the owner said: one row for each client and credential (or hosts, where
 * nothing is connected yet), so that there is never more than one open request of theirs.
 */
export type Asked = {
  readonly connectorId: string;
  /** Null where nothing is connected yet. */
  readonly credentialId: string | null;
  /** The program that asks, as it calls itself. */
  readonly client: string | null;
  readonly act: ApprovalAct;
  /** What exactly is asked, for the page: whom to share with, the wider policy. Empty for a release. */
  readonly details: ApprovalDetails;
  /** The facts when it was asked, which the page shows; absent on rows from before they were kept. */
  readonly facts?: ApprovalFacts;
  /** Keyed digest of act, credential, details and facts: an approval is good for nothing else. */
  readonly argumentsDigest: string;
  /** `approved`: once, and not used yet. `granted`: a release or calls, for some minutes. */
  readonly status: 'pending' | 'approved' | 'granted' | 'denied' | 'used';
  /** The owner was shown this request, in a window of its own or in the list; no second window is opened. */
  readonly shown: boolean;
  /** It was left to the list, because enough windows were open. */
  readonly listed?: boolean;
  /** When the request was made. */
  readonly askedAt: number;
  /** Earlier requests of this id that ended without an answer and still count; absent where there was none. */
  readonly before?: readonly UnansweredRequest[];
  /** How long the status holds: a pending one waits, an approved one can be used, a denied one is not asked again. */
  readonly expiresAt: number;
  /** Until when this client reads the secret without asking; outlives other requests. Null when it may not. */
  readonly releaseUntil: number | null;
  /** When the owner last answered, and how many noes in a row that makes here; absent before the first answer. */
  readonly answered?: { readonly at: number; readonly noes: number };
};
