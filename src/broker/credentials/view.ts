/** How records look from outside: the metadata of a connection, never its secret. */
import type { Owner } from '../../principal.ts';
import type { Credential, Share } from '../../vault/vault.ts';
import { type CallPolicy, readingPolicy, sharedPolicies } from '../calls/policy.ts';
import { type Access, accessOf } from '../policy/access.ts';

/** Metadata of one connection; times are ISO 8601 in UTC. */
export type ConnectionView = {
  credentialId: string;
  name: string;
  connectorId: string;
  authenticationType: string;
  status: 'active' | 'reconnect_required';
  /** Why a person has to connect again. */
  statusReason?: string;
  account?: string;
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
export type ShareView = { with: string; permission: Share['permission']; policy?: PolicyView };

/** Which calls are allowed; null is all of them. */
export type PolicyView = { methods: string[] | null; paths: string[] | null };

/** The rules of a connection for whoever may call with it: those of the connection, and within them those of the shares. */
export type PoliciesView = { policy?: PolicyView; sharedPolicies?: PolicyView[] };

/** The metadata row of a credential, as one who may see it sees it. */
export function viewOf(credential: Credential, viewer: Owner): ConnectionView {
  return {
    credentialId: credential.id,
    name: credential.name,
    connectorId: credential.connectorId,
    authenticationType: credential.authenticationType,
    status: credential.status,
    ...(credential.statusReason === null ? {} : { statusReason: credential.statusReason }),
    ...(credential.account === null ? {} : { account: credential.account }),
    ...(credential.scopes === null ? {} : { scopes: [...credential.scopes] }),
    access: accessOf(viewer, credential) ?? 'view',
    createdAt: isoTime(credential.createdAt),
    updatedAt: isoTime(credential.updatedAt),
    lastUsedAt: timeOrNull(credential.lastUsedAt),
    expiresAt: timeOrNull(credential.expiresAt),
    reconnectBy: timeOrNull(credential.reconnectBy),
  };
}

/** The shares of a connection, for its owner. */
export function sharesOf(credential: Credential): ShareView[] {
  return (credential.shares ?? []).map(({ with: grantee, permission, policy = readingPolicy }) =>
    permission === 'view' ? { with: grantee, permission } : { with: grantee, permission, policy: policyView(policy) },
  );
}

/** Which calls this viewer may make, as far as they are limited. */
export function policiesOf(credential: Credential, viewer: Owner): PoliciesView {
  const access = accessOf(viewer, credential);
  if (access === null || access === 'view') return {};
  const { policy } = credential;
  return {
    ...(policy && { policy: policyView(policy) }),
    ...(access === 'use' && { sharedPolicies: sharedPolicies(credential, viewer).map(policyView) }),
  };
}

function policyView({ methods, paths }: CallPolicy): PolicyView {
  return { methods: methods && [...methods], paths: paths && [...paths] };
}

function timeOrNull(time: number | null | undefined): string | null {
  return time === null || time === undefined ? null : isoTime(time);
}

/** Milliseconds since 1970 as ISO 8601. Remembered, since the same rows are listed again and again. */
export function isoTime(time: number): string {
  const known = isoTimes.get(time);
  if (known !== undefined) return known;
  const text = new Date(time).toISOString();
  if (isoTimes.size >= maxIsoTimes) isoTimes.clear();
  isoTimes.set(time, text);
  return text;
}

const isoTimes = new Map<number, string>();
const maxIsoTimes = 10_000;
