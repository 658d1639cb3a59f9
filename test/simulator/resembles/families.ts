/** Services of one house, which share an authorization server. */
import { ann, type Behaviour, type Behaviours, day, rotates, stays } from './behaviour.ts';

/** Offline access on request, a refresh token once that dies after half a year unused, revocation by whoever has the token. */
function google(api: string, body: unknown): Behaviour {
  return {
    at: {
      authorize: 'accounts.google.com/o/oauth2/v2/auth',
      token: 'oauth2.googleapis.com/token',
      revoke: 'oauth2.googleapis.com/revoke',
      api,
    },
    clientAuth: 'post',
    offlineParams: { access_type: 'offline', prompt: 'consent' },
    refresh: { ...stays, lasts: 180 * day },
    revocation: { by: 'anybody' },
    api: { body },
  };
}

/** Entra: a refresh names the scopes again, and nothing can be revoked. */
function microsoft(tenant: 'common' | 'organizations', api: string, body: unknown): Behaviour {
  const base = `login.microsoftonline.com/${tenant}/oauth2/v2.0`;
  return {
    at: { authorize: `${base}/authorize`, token: `${base}/token`, api },
    clientAuth: 'post',
    offlineScope: 'offline_access',
    refresh: { ...rotates, needsScope: true, lasts: 90 * day },
    revocation: null,
    answer: { extra: { ext_expires_in: 3_600 } },
    api: { body },
  };
}

/** Most of Microsoft Graph has this call about the person. */
const graph = () => microsoft('common', 'GET graph.microsoft.com/v1.0/me', { userPrincipalName: ann });

/** The name of the person, as OpenID Connect has it: for APIs without a call about it. */
const googleUserinfo = () => google('GET openidconnect.googleapis.com/v1/userinfo', { email: ann });

const atlassian: Behaviour = {
  at: {
    authorize: 'auth.atlassian.com/authorize',
    token: 'auth.atlassian.com/oauth/token',
    api: 'GET api.atlassian.com/me',
  },
  clientAuth: 'post',
  body: 'json',
  pkce: 'optional',
  offlineParams: { audience: 'api.atlassian.com', prompt: 'consent' },
  offlineScope: 'offline_access',
  // Used again within ten minutes, an old one is forgiven.
  refresh: { kind: 'grace', lasts: 90 * day },
  revocation: null,
  answer: { errorStatus: 403 },
  api: { body: { email: ann } },
};

/** The callback names the data center's accounts server, the answer its API; errors come with 200. */
function zoho(api: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Behaviour {
  return {
    at: {
      authorize: 'accounts.zoho.com/oauth/v2/auth',
      token: 'https%3A%2F%2Faccounts.zoho.eu/oauth/v2/token',
      revoke: 'https%3A%2F%2Faccounts.zoho.eu/oauth/v2/token/revoke',
      api,
    },
    clientAuth: 'post',
    pkce: 'optional',
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
    api: { accepts: { header: 'authorization', scheme: 'Zoho-oauthtoken' }, headers, body },
  };
}

export const families: Behaviours = {
  'azure-devops': microsoft('organizations', 'GET dev.azure.com/fabrikam/_apis/projects?api-version=7.1&$top=1', {
    value: [{ name: ann }],
  }),
  bigquery: google('GET bigquery.googleapis.com/bigquery/v2/projects?maxResults=1', {
    projects: [{ friendlyName: ann }],
  }),
  blogger: google('GET blogger.googleapis.com/v3/users/self', { displayName: ann }),
  confluence: atlassian,
  excel: graph(),
  firebase: google('GET firebase.googleapis.com/v1beta1/projects?pageSize=1', { results: [{ displayName: ann }] }),
  gmail: google('GET gmail.googleapis.com/gmail/v1/users/me/profile', { emailAddress: ann }),
  'google-adsense': google('GET adsense.googleapis.com/v2/accounts?pageSize=1', { accounts: [{ displayName: ann }] }),
  'google-analytics': google('GET analyticsadmin.googleapis.com/v1beta/accountSummaries?pageSize=1', {
    accountSummaries: [{ displayName: ann }],
  }),
  'google-apps-script': google('GET script.googleapis.com/v1/processes?pageSize=1', {}),
  'google-calendar': google('GET www.googleapis.com/calendar/v3/users/me/calendarList/primary', { id: ann }),
  'google-chat': google('GET chat.googleapis.com/v1/spaces?pageSize=1', {}),
  'google-classroom': google('GET classroom.googleapis.com/v1/courses?pageSize=1', {}),
  'google-cloud': google('GET cloudresourcemanager.googleapis.com/v3/projects:search?pageSize=1', {
    projects: [{ displayName: ann }],
  }),
  'google-contacts': google('GET people.googleapis.com/v1/people/me?personFields=emailAddresses', {
    emailAddresses: [{ value: ann }],
  }),
  'google-docs': googleUserinfo(),
  'google-drive': google('GET www.googleapis.com/drive/v3/about?fields=user', { user: { emailAddress: ann } }),
  'google-forms': googleUserinfo(),
  'google-meet': google('GET meet.googleapis.com/v2/conferenceRecords?pageSize=1', {}),
  'google-merchant-center': google('GET merchantapi.googleapis.com/accounts/v1/accounts?pageSize=1', {
    accounts: [{ accountName: ann }],
  }),
  'google-search-console': google('GET searchconsole.googleapis.com/webmasters/v3/sites', {
    siteEntry: [{ siteUrl: ann }],
  }),
  'google-sheets': googleUserinfo(),
  'google-slides': googleUserinfo(),
  'google-tag-manager': google('GET tagmanager.googleapis.com/tagmanager/v2/accounts', { account: [{ name: ann }] }),
  'google-tasks': google('GET tasks.googleapis.com/tasks/v1/users/@me/lists?maxResults=1', {}),
  'google-workspace-admin': google('GET admin.googleapis.com/admin/directory/v1/customers/my_customer', {
    customerDomain: ann,
  }),
  jira: atlassian,
  'microsoft-teams': graph(),
  'microsoft-to-do': graph(),
  'one-drive': graph(),
  onenote: graph(),
  outlook: graph(),
  'outlook-calendar': graph(),
  'power-bi': microsoft('organizations', 'GET api.powerbi.com/v1.0/myorg/groups?$top=1', { value: [{ name: ann }] }),
  sharepoint: microsoft('organizations', 'GET graph.microsoft.com/v1.0/me', { userPrincipalName: ann }),
  youtube: google('GET www.googleapis.com/youtube/v3/channels?part=snippet&mine=true', {
    items: [{ snippet: { title: ann } }],
  }),
  'zoho-books': zoho('GET https%3A%2F%2Fwww.zohoapis.eu/books/v3/organizations', { organizations: [{ name: ann }] }),
  'zoho-crm': zoho('GET https%3A%2F%2Fwww.zohoapis.eu/crm/v8/users?type=CurrentUser', { users: [{ email: ann }] }),
  'zoho-desk': zoho('GET desk.zoho.com/api/v1/organizations', { data: [{ companyName: ann }] }, { orgid: '2389290' }),
  'zoho-mail': zoho('GET mail.zoho.com/api/accounts', { data: [{ primaryEmailAddress: ann }] }),
};
