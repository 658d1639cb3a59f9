/** Services of one house, which share an authorization server. */
import { type Behaviour, type Behaviours, rotates, stays } from './behaviour.ts';

/** Offline access on request, a refresh token once, revocation by whoever has the token. */
const google: Behaviour = {
  clientAuth: 'post',
  offlineParams: { access_type: 'offline', prompt: 'consent' },
  refresh: stays,
  revocation: { by: 'anybody' },
};

/** Entra: a refresh names the scopes again, and nothing can be revoked. */
const microsoft: Behaviour = {
  clientAuth: 'post',
  offlineScope: 'offline_access',
  refresh: { ...rotates, needsScope: true },
  revocation: null,
  answer: { extra: { ext_expires_in: 3_600 } },
};

const atlassian: Behaviour = {
  clientAuth: 'post',
  body: 'json',
  pkce: 'optional',
  offlineParams: { audience: 'api.atlassian.com', prompt: 'consent' },
  offlineScope: 'offline_access',
  refresh: rotates,
  revocation: null,
};

/** The callback names the data center's accounts server, the answer its API; errors come with 200. */
const zoho: Behaviour = {
  clientAuth: 'post',
  pkce: 'refused',
  scopeSeparator: ',',
  offlineParams: { access_type: 'offline', prompt: 'consent' },
  callback: { location: 'eu', 'accounts-server': 'https://accounts.zoho.eu' },
  refresh: stays,
  revocation: { by: 'anybody' },
  answer: {
    errorStatus: 200,
    errors: { invalid_grant: 'invalid_code' },
    extra: { api_domain: 'https://www.zohoapis.eu' },
  },
  api: { accepts: { header: 'authorization', scheme: 'Zoho-oauthtoken' } },
};

export const families: Behaviours = {
  'azure-devops': microsoft,
  confluence: atlassian,
  excel: microsoft,
  gmail: google,
  'google-analytics': google,
  'google-calendar': google,
  'google-docs': google,
  'google-drive': google,
  'google-sheets': google,
  jira: atlassian,
  'microsoft-teams': microsoft,
  'one-drive': microsoft,
  outlook: microsoft,
  youtube: google,
  'zoho-books': zoho,
  'zoho-crm': zoho,
  'zoho-desk': { ...zoho, api: { ...zoho.api, headers: { orgid: '2389290' } } },
  'zoho-mail': zoho,
};
