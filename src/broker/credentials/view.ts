/** How records look from outside: the metadata of a connection, never its secret. */

import { boundedMap } from '../../bounded-map.ts';
import { fillUrl, fixedBaseUrl, urlParts, variablesIn } from '../../connectors/template.ts';
import { KeywardError } from '../../errors.ts';
import { type Owner, subjectOf } from '../../principal.ts';
import type { CallRule, Credential, Reader, Share, ShareRule, ToolRules } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { type CallPolicy, readingPolicy, sharedPolicies } from '../calls/policy.ts';
import { withDefaults } from '../grants/current-inputs.ts';
import { findAuth } from '../grants/oauth-context.ts';
import { quoted } from '../input/text.ts';
import { hasUnseen, unseenInWords } from '../mcp-servers/tool-rules.ts';
import { type Access, accessOf } from '../policy/access.ts';
import { type OfferStatus, offerEndsAt, offerStatus } from './offers.ts';

/** Metadata of one connection; times are ISO 8601 in UTC. */
export type ConnectionView = {
  credentialId: string;
  /** Of somebody else's connection: in quotes, as every text that its owner or its service chose. */
  name: string;
  /** Whose connection it is, where that is not the reader. */
  sharedBy?: string;
  connectorId: string;
  /** Where its calls go. */
  hosts: string[];
  /** What the paths of its calls are below, as far as its metadata tells it. */
  baseUrl?: string;
  authenticationType: string;
  status: 'active' | 'reconnect_required';
  /** Why a person has to connect again. */
  statusReason?: string;
  account?: string;
  /** Of an MCP server, to its owner: what waits until it was looked at. */
  tools?: string;
  scopes?: string[];
  access: Access;
  createdAt: string;
  updatedAt: string;
  lastUsedAt: string | null;
  /** Expiry of the access token; Keyward renews it, so this is no deadline for the person. */
  expiresAt: string | null;
  /** When a person has to connect again, as far as that is known. */
  reconnectBy: string | null;
};

/** With whom a connection is shared; only its owner sees it. */
export type ShareView = {
  with: string;
  permission: Share['permission'];
  policy?: PolicyView;
  /** Of a share with another tenant, which somebody there has to take. */
  status?: OfferStatus;
  /** Who took it. */
  takenBy?: string[];
  /** When an offer that waits ends. */
  endsAt?: string;
};

/** Which calls are allowed; null is all of them. */
type PolicyView = {
  methods: string[] | null;
  paths: string[] | null;
  /** What is asked first, even where it is allowed. */
  ask?: { methods: string[] | null; except?: string[]; paths: string[] | null }[];
  /** Of an MCP server. */
  tools?: { allow: string[] | null; ask: string[]; refuse: string[]; unseen: ToolRules['unseen'] };
};

/** The rules of a connection for a caller: those of the connection, and within them those of the shares. */
export type PoliciesView = { policy?: PolicyView; sharedPolicies?: PolicyView[] };

/**
 * The metadata row of a credential, as one who may see it sees it. What its owner, or a service of its owner's choice,
 * worded is quoted for everybody else, and another tenant is told none of it that it can do without.
 */
export function viewOf(broker: Broker, credential: Credential, viewer: Reader): ConnectionView {
  const access = accessOf(viewer, credential) ?? 'view';
  const own = access === 'owner';
  const near = credential.tenant === viewer.tenant;
  const baseUrl = baseUrlOf(broker, credential, own);
  return {
    credentialId: credential.id,
    name: own ? credential.name : quoted(credential.name),
    ...(own ? {} : { sharedBy: knownAs(credential, viewer) }),
    connectorId: credential.connectorId,
    hosts: [...credential.hosts],
    ...(baseUrl !== undefined && { baseUrl }),
    authenticationType: credential.authenticationType,
    status: credential.status,
    ...(credential.statusReason === null || !near ? {} : { statusReason: credential.statusReason }),
    ...(credential.account === null ? {} : { account: own ? credential.account : quoted(credential.account) }),
    ...(own && hasUnseen(credential) && { tools: unseenInWords(credential) }),
    ...(credential.scopes === null || !near ? {} : { scopes: [...credential.scopes] }),
    access,
    createdAt: isoTime(credential.createdAt),
    updatedAt: isoTime(credential.updatedAt),
    lastUsedAt: timeOrNull(credential.lastUsedAt),
    expiresAt: timeOrNull(credential.expiresAt),
    reconnectBy: timeOrNull(credential.reconnectBy),
  };
}

/** The owner of a connection as somebody else may know them: by their short name, and by their tenant where it is another. */
export function knownAs({ tenant, owner }: Pick<Credential, 'tenant' | 'owner'>, viewer: Owner): string {
  const user = quoted(subjectOf(owner));
  return tenant === viewer.tenant ? user : `${user} of the tenant ${quoted(tenant)}`;
}

/** The shares of a connection, for its owner. */
export function sharesOf(credential: Credential, rule: ShareRule): ShareView[] {
  return (credential.shares ?? []).map((share) => {
    const { with: grantee, permission, policy = readingPolicy, takenBy = [] } = share;
    const status = offerStatus(rule, share, credential.tenant);
    const endsAt = status === 'offered' ? offerEndsAt(share) : null;
    return {
      with: grantee,
      permission,
      ...(permission === 'use' && { policy: policyView(policy) }),
      ...(status !== null && { status }),
      ...(takenBy.length > 0 && { takenBy: takenBy.map((user) => quoted(subjectOf(user))) }),
      ...(endsAt !== null && { endsAt: isoTime(endsAt) }),
    };
  });
}

/** Which calls this viewer may make, as far as they are limited. */
export function policiesOf(credential: Credential, viewer: Reader): PoliciesView {
  const access = accessOf(viewer, credential);
  if (access === null || access === 'view') return {};
  const { policy } = credential;
  return {
    ...(policy && { policy: policyView(policy) }),
    ...(access === 'use' && { sharedPolicies: sharedPolicies(credential, viewer).map(policyView) }),
  };
}

function policyView({ tools, ask: asked, ...rule }: CallPolicy): PolicyView {
  const calls = { ...ruleView(rule), ...(asked && { ask: asked.map(ruleView) }) };
  if (!tools) return calls;
  const { allow, ask, refuse, unseen } = tools;
  return { ...calls, tools: { allow: allow && [...allow], ask: [...ask], refuse: [...refuse], unseen } };
}

function ruleView({ methods, except, paths }: CallRule) {
  return { methods: methods && [...methods], ...(except && { except: [...except] }), paths: paths && [...paths] };
}

function timeOrNull(time: number | null | undefined): string | null {
  return time === null || time === undefined ? null : isoTime(time);
}

/** Milliseconds since 1970 as ISO 8601. Remembered, since the same rows are listed again and again. */
export function isoTime(time: number): string {
  const known = isoTimes.get(time);
  if (known !== undefined) return known;
  const text = new Date(time).toISOString();
  isoTimes.set(time, text);
  return text;
}

const isoTimes = boundedMap<number, string>(10_000);

/**
 * The URL that the paths of calls are below. Undefined where a secret or an answer of the service is part of it, and for
 * others than the owner where the owner typed its path, which may hold what only the owner should know.
 */
function baseUrlOf(broker: Broker, credential: Credential, own: boolean): string | undefined {
  const connector = broker.catalogue.get(credential.connectorId);
  const auth = findAuth(broker, credential);
  if (connector === undefined || auth === undefined) return undefined;
  const { baseUrl, allowedHosts } = auth.api;
  try {
    const fixed = fixedBaseUrl(auth.api);
    if (fixed !== null) return fixed;
    if (!own && variablesIn(urlParts(baseUrl)?.path ?? '{path}').length > 0) return undefined;
    return fillUrl(baseUrl, withDefaults(connector, auth, credential.inputs), allowedHosts).href;
  } catch (error) {
    // It names what only the sealed part knows.
    if (error instanceof KeywardError) return undefined;
    throw error;
  }
}
