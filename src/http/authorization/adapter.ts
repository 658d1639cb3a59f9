/** What oidc-provider keeps, in Keyward's vault: registrations, requests that wait, and assistants as its grants. */
import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';
import { InvalidGrant, SessionNotFound, TemporarilyUnavailable } from 'oidc-provider/lib/helpers/errors.js';
import { type Assistant, endGrant, findAssistant, type Parts } from '../../broker/authorization/assistants.ts';
import { register, registered } from '../../broker/authorization/registrations.ts';
import { findRequest, keepRequest, takeRequest } from '../../broker/authorization/requests.ts';
import { exchangeCode, readAccessToken, readCode, readRefreshToken } from '../../broker/authorization/tokens.ts';
import { hasCode } from '../../errors.ts';
import { accountOf } from './account.ts';

/** By the name of each model. A model that is not here keeps nothing, and one that would has no way to. */
export function adapterOver(parts: Parts): AdapterFactory {
  const none = nothing();
  const adapters: Readonly<Record<string, Adapter>> = {
    Client: {
      ...none,
      upsert: (id, payload) => whereThereIsRoom(register(parts, id, payload)),
      find: async (id) => ((await registered(parts, id)) as AdapterPayload | null) ?? undefined,
    },
    Interaction: {
      ...none,
      upsert: (id, payload, seconds = 0) =>
        whereThereIsRoom(keepRequest(parts, id, { ...payload }, Date.now() + seconds * 1_000)),
      find: async (id) => ((await findRequest(parts, id)) as AdapterPayload | null) ?? undefined,
      async destroy(id) {
        // Of two answers to one request, one goes on.
        if (!(await takeRequest(parts, id))) throw new SessionNotFound('this request was answered already');
      },
    },
    // Nobody stays signed in here: that is what the visits of Keyward's own pages are for, and each request is asked.
    Session: { ...none, upsert: async () => {} },
    Grant: {
      ...none,
      find: async (id) => grantOf(await findAssistant(parts, id)),
      destroy: (id) => endGrant(parts, id, 'revoked'),
    },
    AuthorizationCode: {
      ...none,
      async find(text) {
        const found = await readCode(parts, text);
        if (found === null) return undefined;
        // One that was used never ends: who comes with it again is told on.
        const spent = found.used ? { consumed: true, exp: seconds(found.assistant.expiresAt) } : {};
        return { ...found.code, ...spent, jti: text, kind: 'AuthorizationCode', ...of(found.assistant) };
      },
      async consume(text) {
        if (await exchangeCode(parts, text)) return;
        const found = await readCode(parts, text);
        if (found !== null) await endGrant(parts, found.assistant.id, 'reused');
        throw new InvalidGrant('authorization code already consumed');
      },
    },
    RefreshToken: {
      ...none,
      async find(text) {
        const found = await readRefreshToken(parts, text);
        if (found === null) return undefined;
        const { assistant, used } = found;
        const { resource, scopes, rotation, createdAt } = assistant;
        return {
          jti: text,
          kind: 'RefreshToken',
          ...of(assistant),
          gty: 'authorization_code',
          iat: seconds(createdAt),
          iiat: seconds(createdAt),
          exp: seconds(assistant.expiresAt),
          resource,
          scope: scopes.join(' '),
          rotations: rotation,
          ...(used && { consumed: true }),
        };
      },
      // The next one takes its place; see provider.ts.
      consume: async () => {},
      destroy: async () => {},
    },
    AccessToken: {
      ...none,
      async find(text) {
        const found = await readAccessToken(parts, text);
        if (found === null) return undefined;
        const { assistant, scopes } = found;
        const { resource, expiresAt } = assistant;
        const payload = { jti: text, kind: 'AccessToken', aud: resource, scope: scopes.join(' ') };
        return { ...payload, ...of(assistant), exp: seconds(expiresAt) };
      },
      destroy: async () => {},
    },
  };
  return (name) => adapters[name] ?? none;
}

/** Tells a program to come again later when there is no room for what it sent. */
async function whereThereIsRoom(keeping: Promise<void>): Promise<void> {
  try {
    await keeping;
  } catch (error) {
    if (!hasCode(error, 'limit_reached')) throw error;
    const full = new TemporarilyUnavailable('Keyward has no room for this at the moment; try again in a few minutes');
    throw Object.assign(full, { status: 503, statusCode: 503 });
  }
}

/** What all that belongs to an assistant says. */
function of({ id, clientId, tenant, owner }: Assistant) {
  return { grantId: id, clientId, accountId: accountOf({ tenant, user: owner }) };
}

function grantOf(assistant: Assistant | null): AdapterPayload | undefined {
  if (assistant === null) return undefined;
  const { id, resource, scopes, createdAt, expiresAt } = assistant;
  const { clientId, accountId } = of(assistant);
  const resources = { [resource]: scopes.join(' ') };
  const times = { iat: seconds(createdAt), exp: seconds(expiresAt) };
  return { jti: id, kind: 'Grant', clientId, accountId, resources, ...times } as AdapterPayload;
}

function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1_000);
}

/** Knows nothing, and refuses to keep anything. */
function nothing(): Adapter {
  return {
    async upsert() {
      throw new Error('This is kept nowhere.');
    },
    find: async () => undefined,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    async consume() {},
    async destroy() {},
    // The end of a grant is that of all its tokens.
    async revokeByGrantId() {},
  };
}
