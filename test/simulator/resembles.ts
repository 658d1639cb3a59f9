/**
 * How the services of built-in connectors behave, as far as their documentation says: written down beside the
 * definitions, not derived from them, so that the two check each other.
 */
import { type Deviation, type Profile, profileOf } from './profile.ts';

const rotates = { kind: 'rotates' } as const;
const stays = { kind: 'omitted' } as const;
const none = { kind: 'none' } as const;
const forever = { lifetime: null, refresh: none, answer: { expiresIn: 'absent' } } as const;

/** Google: offline access on request, a refresh token once, revocation by whoever has the token. */
const google = {
  clientAuth: 'post',
  offlineParams: { access_type: 'offline', prompt: 'consent' },
  refresh: stays,
  revocation: 'anybody',
} as const satisfies Partial<Deviation>;

const services: Readonly<Record<string, Omit<Deviation, 'about'>>> = {
  airtable: { clientAuth: 'raw', refresh: rotates, revocation: 'none' },
  asana: { clientAuth: 'post', refresh: stays },
  discord: { clientAuth: 'raw', refresh: rotates },
  dropbox: {
    clientAuth: 'post',
    offlineParams: { token_access_type: 'offline' },
    refresh: stays,
    revocation: 'bearer',
  },
  figma: { clientAuth: 'raw', refresh: stays, revocation: 'none' },
  github: {
    ...forever,
    clientAuth: 'post',
    revocation: 'delete',
    answer: { as: 'form', errorStatus: 200, scope: 'commas', expiresIn: 'absent' },
  },
  gitlab: { clientAuth: 'post', refresh: rotates },
  gmail: google,
  'google-calendar': google,
  'google-drive': google,
  hubspot: { clientAuth: 'post' },
  jira: { clientAuth: 'post', body: 'json', refresh: rotates, revocation: 'none' },
  linear: { clientAuth: 'post', scopeSeparator: ',', refresh: rotates, revocation: 'bearer' },
  notion: {
    clientAuth: 'raw',
    body: 'json',
    pkce: 'refused',
    tokenHeaders: { 'notion-version': '2025-09-03' },
    refresh: rotates,
    answer: { scope: 'absent', expiresIn: 'absent', extra: { workspace_id: 'W1', bot_id: 'B1' } },
    api: { headers: { 'notion-version': '2025-09-03' } },
  },
  salesforce: {
    clientAuth: 'post',
    refresh: rotates,
    revocation: 'anybody',
    answer: { expiresIn: 'absent', extra: { instance_url: 'https://customer.example' } },
  },
  shopify: {
    clientAuth: 'post',
    body: 'json',
    pkce: 'refused',
    scopeSeparator: ',',
    refresh: rotates,
    revocation: 'none',
    answer: { scope: 'commas' },
    api: { accepts: { header: 'x-shopify-access-token' } },
  },
  slack: {
    ...forever,
    clientAuth: 'raw',
    pkce: 'refused',
    scopeParam: 'user_scope',
    scopeSeparator: ',',
    revocation: 'bearer',
    answer: {
      nest: 'authed_user',
      beside: { ok: true, team: { id: 'T1' } },
      errorStatus: 200,
      scope: 'commas',
      tokenType: 'user',
      expiresIn: 'absent',
    },
  },
};

/** Connector → the service it was written for. */
export const resembles: Readonly<Record<string, Profile>> = Object.fromEntries(
  Object.entries(services).map(([id, deviation]) => [id, profileOf({ about: id, ...deviation })]),
);
