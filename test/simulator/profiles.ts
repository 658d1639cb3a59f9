/** Every simulated service, by the name that is in its address. */
import { type Deviation, type Profile, profileOf } from './profile.ts';

/** Odd, but a client that knows the service gets along with it. */
const odd = {
  'by-the-book': { about: 'nothing odd' },
  'public-client': { about: 'a client without a secret', clientAuth: 'none' },
  'secret-in-body': {
    about: 'client id and secret in the body, never Basic',
    like: ['gmail', 'linear', 'hubspot'],
    clientAuth: 'post',
  },
  'raw-basic': { about: 'Basic without the form encoding of RFC 6749', clientAuth: 'raw' },
  'json-requests': {
    about: 'Basic and JSON bodies',
    like: ['notion'],
    clientAuth: 'raw',
    body: 'json',
    pkce: 'optional',
    refresh: { kind: 'none' },
    lifetime: null,
    answer: { scope: 'absent', expiresIn: 'absent' },
  },
  'renamed-client-id': {
    about: 'the client id is called client_key, scopes are separated by commas',
    like: ['tiktok'],
    clientAuth: 'post',
    clientIdParam: 'client_key',
    scopeSeparator: ',',
    answer: { scope: 'commas' },
  },
  'no-pkce': {
    about: 'fails on parameters that it does not know, PKCE among them',
    clientAuth: 'post',
    pkce: 'refused',
  },
  'no-expiry': {
    about: 'tokens live for ever and nothing is said about it',
    like: ['github', 'asana'],
    clientAuth: 'post',
    lifetime: null,
    refresh: { kind: 'none' },
    answer: { expiresIn: 'absent' },
  },
  'expiry-unsaid': {
    about: 'tokens expire after an hour and nothing is said about it',
    answer: { expiresIn: 'absent' },
  },
  'expiry-as-text': { about: 'expires_in is a text', answer: { expiresIn: 'text' } },
  'expiry-null': { about: 'expires_in is null', lifetime: 3_600, answer: { expiresIn: 'null' } },
  'expiry-zero': {
    about: 'expires_in is 0, and the token lives for ever',
    like: ['mailchimp'],
    lifetime: null,
    refresh: { kind: 'none' },
    answer: { expiresIn: 'zero' },
  },
  'expiry-in-milliseconds': { about: 'expires_in counts milliseconds', answer: { expiresIn: 'milliseconds' } },
  'errors-with-200': {
    about: 'errors come with status 200 and names of their own, answers as a form',
    like: ['github'],
    clientAuth: 'post',
    lifetime: null,
    refresh: { kind: 'none' },
    answer: {
      as: 'form',
      errorStatus: 200,
      scope: 'commas',
      expiresIn: 'absent',
      errors: { invalid_grant: 'bad_verification_code', invalid_client: 'incorrect_client_credentials' },
    },
  },
  nested: {
    about: 'the token stands inside another object, with ok beside it; errors come with 200',
    like: ['slack'],
    clientAuth: 'post',
    scopeParam: 'user_scope',
    scopeSeparator: ',',
    refresh: { kind: 'none' },
    lifetime: null,
    answer: {
      nest: 'authed_user',
      beside: { ok: true, team: { id: 'T1' } },
      errorStatus: 200,
      errors: { invalid_grant: 'invalid_code', invalid_client: 'bad_client_secret' },
      scope: 'commas',
      tokenType: 'user',
      expiresIn: 'absent',
    },
  },
  'scopes-as-list': { about: 'scopes come back as a list', answer: { scope: 'list' } },
  'no-token-type': { about: 'token_type is missing', answer: { tokenType: null } },
  'own-token-type': { about: 'token_type is a word of its own', answer: { tokenType: 'mac' } },
  'status-201': { about: 'tokens come with status 201', answer: { status: 201 } },
  rotates: {
    about: 'each refresh replaces the refresh token; using an old one ends the grant',
    like: ['jira', 'airtable', 'linear'],
    refresh: { kind: 'rotates' },
  },
  'rotates-with-grace': {
    about: 'each refresh replaces the refresh token; an old one is forgiven for half a minute',
    refresh: { kind: 'grace' },
  },
  'refresh-token-stays': {
    about: 'a refresh sends no refresh token back: the old one stays',
    refresh: { kind: 'omitted' },
  },
  'no-refresh-token': { about: 'tokens expire and nothing refreshes them', refresh: { kind: 'none' } },
  'offline-on-request': {
    about: 'a refresh token only with access_type=offline and prompt=consent; it is never sent again',
    like: ['gmail', 'google-drive', 'google-calendar'],
    clientAuth: 'post',
    offlineParams: { access_type: 'offline', prompt: 'consent' },
    refresh: { kind: 'omitted' },
  },
  'scope-on-refresh': {
    about: 'a refresh has to name the scopes again',
    clientAuth: 'post',
    refresh: { kind: 'rotates', needsScope: true },
  },
  'refresh-by-other-means': {
    about: 'a refresh sends the secret in the body, the exchange as Basic',
    refreshAuth: 'post',
  },
  'host-in-answer': {
    about: 'the answer names the host of the customer, and no expiry',
    like: ['salesforce'],
    clientAuth: 'post',
    answer: { expiresIn: 'absent', extra: { instance_url: 'https://customer.example' } },
  },
  'facts-in-callback': {
    about: 'the callback carries what later calls need',
    callback: { realmId: '4620816365', 'accounts-server': 'https://accounts.example' },
  },
  'says-iss': { about: 'says and sends who it is (RFC 9207)', iss: 'right', metadata: { advertisesIss: true } },
  slow: {
    about: 'thinks for two seconds before each token',
    faults: { token: { kind: 'slow', ms: 2_000 }, refresh: { kind: 'slow', ms: 2_000 } },
  },
  'revokes-by-bearer': { about: 'revokes the token that calls it', clientAuth: 'post', revocation: { by: 'bearer' } },
  'no-revocation': { about: 'has no revocation', revocation: null },
  'token-in-header': {
    about: 'the API wants the token in a header of its own',
    like: ['shopify'],
    api: { accepts: { header: 'x-shopify-access-token' } },
  },
  'token-in-query': { about: 'the API wants the token in the query', api: { accepts: { query: 'access_token' } } },
} as const satisfies Record<string, Deviation>;

/** Broken, overloaded or hostile: a client has to fail well, or to be patient. */
const hostile = {
  'too-many-requests': {
    about: '429 with Retry-After, for ever',
    faults: {
      token: { kind: 'status', status: 429, retryAfter: 7 },
      refresh: { kind: 'status', status: 429, retryAfter: 7 },
    },
  },
  'down-for-a-moment': { about: '503 once, then well', faults: { refresh: { kind: 'status', status: 503, times: 1 } } },
  'down-for-good': {
    about: '500, for ever',
    faults: { token: { kind: 'status', status: 500 }, refresh: { kind: 'status', status: 500 } },
  },
  resets: {
    about: 'closes the connection instead of answering',
    faults: { token: { kind: 'reset' }, refresh: { kind: 'reset' } },
  },
  truncated: {
    about: 'half of the JSON, then nothing',
    faults: { token: { kind: 'truncated' }, refresh: { kind: 'truncated' } },
  },
  'html-with-200': {
    about: 'a page for people with status 200',
    faults: { token: { kind: 'html' }, refresh: { kind: 'html' } },
  },
  'giant-answer': {
    about: 'white space without end',
    faults: { token: { kind: 'giant' }, refresh: { kind: 'giant' } },
  },
  'redirects-tokens': {
    about: 'the token endpoint redirects to another host',
    faults: { token: { kind: 'redirect' }, refresh: { kind: 'redirect' } },
  },
  'redirects-calls': { about: 'the API redirects to another host', faults: { api: { kind: 'redirect' } } },
  'wrong-iss': { about: 'the callback names another issuer', iss: 'wrong' },
  'missing-iss': { about: 'promises iss and does not send it', metadata: { advertisesIss: true } },
  'wrong-issuer': { about: 'its metadata names another issuer', metadata: { issuer: 'wrong' } },
  'denies-consent': { about: 'the person clicks “deny”', authorizeError: 'access_denied' },
  'refuses-scopes': { about: 'a scope is not enabled for the client', authorizeError: 'invalid_scope' },
  'forbids-calls': { about: 'the token lacks a scope that calls need', api: { forbids: 'projects:read' } },
  'testing-mode': {
    about: 'refresh tokens are dead after days, since the app is in testing mode',
    like: ['gmail', 'google-drive', 'google-calendar'],
    refresh: { error: 'invalid_grant' },
  },
  'clock-an-hour-ahead': {
    about: 'its clock is an hour ahead, so that nothing it is sent is new enough',
    clockAheadMs: 3_600_000,
    codes: 'expired',
  },
  'codes-expire-at-once': { about: 'codes are too old when they arrive', codes: 'expired' },
  'redirect-not-registered': { about: 'the redirect URI is not registered', authorizeError: 'redirect_uri_mismatch' },
} as const satisfies Record<string, Deviation>;

export type ProfileName = keyof typeof odd | keyof typeof hostile;

export const oddNames = Object.keys(odd) as readonly (keyof typeof odd)[];
export const hostileNames = Object.keys(hostile) as readonly (keyof typeof hostile)[];

export const profiles = Object.fromEntries(
  Object.entries({ ...odd, ...hostile }).map(([name, deviation]) => [name, profileOf(deviation)]),
) as Readonly<Record<ProfileName, Profile>>;
