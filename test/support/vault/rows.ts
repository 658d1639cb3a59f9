/** Rows and records to put into a vault. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { ApprovalRow, AttemptRow, CredentialRow } from '../../../src/store/store.ts';
import type { Credential, New } from '../../../src/vault/vault.ts';

export const ann = { tenant: 'acme', user: 'ann' };
export const bob = { tenant: 'acme', user: 'bob' };

/** A row whose `sealed` is any text: the store does not look into it. */
export function credentialRow(changed: Partial<CredentialRow> = {}): CredentialRow {
  const now = Date.now();
  return {
    ...newCredential(),
    version: 1,
    secretVersion: 1,
    sealed: randomBytes(60).toString('base64'),
    createdAt: now,
    updatedAt: now,
    ...changed,
  };
}

export function newCredential(changed: Partial<New<Credential>> = {}): New<Credential> {
  return {
    id: randomUUID(),
    tenant: ann.tenant,
    owner: ann.user,
    connectorId: 'github',
    authenticationType: 'api_key',
    name: "Ann's GitHub Credential",
    status: 'active',
    statusReason: null,
    account: null,
    scopes: ['repo'],
    inputs: {},
    hosts: ['api.github.com'],
    authConfigId: null,
    obtainedBy: 'tool',
    expiresAt: null,
    refreshedAt: null,
    refreshStartedAt: null,
    lastUsedAt: null,
    ...changed,
  };
}

export function attemptRow(changed: Partial<AttemptRow> = {}): AttemptRow {
  const { id, tenant, owner, version, secretVersion, sealed, createdAt, updatedAt } = credentialRow();
  return {
    ...{ id, tenant, owner, version, secretVersion, sealed, createdAt, updatedAt },
    connectorId: 'github',
    authenticationType: 'oauth2',
    name: null,
    reconnects: null,
    authConfigId: null,
    flow: 'code',
    redirectUri: 'http://127.0.0.1:7355/oauth/callback',
    returnTo: null,
    inputs: {},
    obtainedBy: 'page',
    client: null,
    argumentsDigest: '',
    status: 'pending',
    credentialId: null,
    error: null,
    expiresAt: createdAt + 600_000,
    ...changed,
  };
}

export function approvalRow(changed: Partial<ApprovalRow> = {}): ApprovalRow {
  const { id, tenant, owner, version, secretVersion, sealed, createdAt, updatedAt } = credentialRow();
  return {
    ...{ id, tenant, owner, version, secretVersion, sealed, createdAt, updatedAt },
    connectorId: 'github',
    credentialId: randomUUID(),
    client: 'claude',
    act: 'share',
    details: { with: 'user:bob', permission: 'use', policy: { methods: ['GET'], paths: null } },
    argumentsDigest: 'ab',
    status: 'pending',
    shown: false,
    askedAt: createdAt,
    expiresAt: createdAt + 600_000,
    releaseUntil: null,
    ...changed,
  };
}
