/** Services that are called with a key, a token or a password that a person types: where they want it. */
import type { Profile } from '../profile.ts';
import { ann } from './behaviour.ts';

export type KeyService = {
  /** Connector and authentication type. */
  readonly connector: readonly [id: string, type: 'api_key' | 'basic' | 'bearer'];
  /** What a person types. */
  readonly typed: Readonly<Record<string, string>>;
  /** Method, address and query of the call that shows that it works. */
  readonly api: string;
  /** What that call has to carry. */
  readonly headers: Profile['api']['headers'];
  /** Its answer, and the one to a wrong key where that is not a plain 401. */
  readonly body: unknown;
  readonly refusal?: Profile['api']['refusal'];
};

type Typed = Readonly<Record<string, string>>;

/** A token in the usual header. */
const bearer = (id: string, token: string, api: string, body: unknown, more: Partial<KeyService> = {}): KeyService => {
  const headers = { authorization: `Bearer ${token}`, ...more.headers };
  return { connector: [id, 'bearer'], api, body, ...more, typed: { token, ...more.typed }, headers };
};

const key = (id: string, typed: Typed, api: string, headers: Typed, body: unknown): KeyService => {
  return { connector: [id, 'api_key'], typed, api, headers, body };
};

const basic = (
  id: string,
  typed: Typed,
  api: string,
  [user, password]: [string, string],
  body: unknown,
): KeyService => {
  return { connector: [id, 'basic'], typed, api, headers: { authorization: inBasic(user, password) }, body };
};

/** RFC 7617. */
function inBasic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

const secret = '0123456789canary';
const graphql = { status: 200, body: { errors: [{ message: 'Not authorized' }], data: null } };
const slackRefusal = { status: 200, body: { ok: false, error: 'invalid_auth' } };
const sid = 'AC00000000000000000000000000000000';

export const keyServices: readonly KeyService[] = [
  bearer('airtable', secret, 'GET api.airtable.com/v0/meta/whoami', { email: ann }),
  key(
    'anthropic',
    { apiKey: `sk-ant-${secret}` },
    'GET api.anthropic.com/v1/models',
    { 'x-api-key': `sk-ant-${secret}`, 'anthropic-version': '2023-06-01' },
    {},
  ),
  bearer('asana', secret, 'GET app.asana.com/api/1.0/users/me', { data: { email: ann } }),
  bearer(
    'attio',
    secret,
    'GET api.attio.com/v2/self',
    { active: true, workspace_name: ann },
    { refusal: { status: 200, body: { active: false } } },
  ),
  bearer('calendly', secret, 'GET api.calendly.com/users/me', { resource: { email: ann } }),
  key(
    'clickup',
    { apiKey: `pk_${secret}` },
    'GET api.clickup.com/api/v2/user',
    { authorization: `pk_${secret}` },
    {
      user: { email: ann },
    },
  ),
  key(
    'close',
    { apiKey: secret },
    'GET api.close.com/api/v1/me/',
    { authorization: inBasic(secret, '') },
    { email: ann },
  ),
  bearer('cloudflare', secret, 'GET api.cloudflare.com/client/v4/user/tokens/verify', { result: { status: 'active' } }),
  key(
    'cloudflare',
    { email: ann, apiKey: secret },
    'GET api.cloudflare.com/client/v4/user',
    { 'x-auth-email': ann, 'x-auth-key': secret },
    { result: { email: ann } },
  ),
  basic(
    'confluence',
    { site: 'acme', email: ann, apiToken: secret },
    'GET acme.atlassian.net/wiki/rest/api/user/current',
    [ann, secret],
    { displayName: ann },
  ),
  key(
    'datadog',
    { apiKey: secret, applicationKey: `app${secret}` },
    'GET api.datadoghq.com/api/v2/validate_keys',
    { 'dd-api-key': secret, 'dd-application-key': `app${secret}` },
    { status: 'ok' },
  ),
  key(
    'discord',
    { botToken: secret },
    'GET discord.com/api/v10/users/@me',
    { authorization: `Bot ${secret}` },
    {
      username: ann,
    },
  ),
  key('exa', { apiKey: secret }, 'GET api.exa.ai/websets/v0/websets?limit=1', { 'x-api-key': secret }, {}),
  key('figma', { apiKey: secret }, 'GET api.figma.com/v1/me', { 'x-figma-token': secret }, { email: ann }),
  bearer(
    'github',
    `ghp_${secret}`,
    'GET api.github.com/user',
    { login: ann },
    { headers: { accept: 'application/vnd.github+json', 'user-agent': 'Keyward' } },
  ),
  bearer('gitlab', secret, 'GET gitlab.com/api/v4/user', { username: ann }),
  bearer('hubspot', secret, 'GET api.hubapi.com/account-info/2026-03/details', { portalId: ann }),
  bearer('intercom', secret, 'GET api.intercom.io/me', { email: ann }),
  basic(
    'jira',
    { site: 'acme', email: ann, apiToken: secret },
    'GET acme.atlassian.net/rest/api/3/myself',
    [ann, secret],
    { emailAddress: ann },
  ),
  {
    ...key(
      'linear',
      { apiKey: secret },
      'POST api.linear.app/graphql',
      { authorization: secret },
      {
        data: { viewer: { email: ann } },
      },
    ),
    refusal: graphql,
  },
  basic(
    'mailchimp',
    { dc: 'us19', apiKey: secret },
    'GET us19.api.mailchimp.com/3.0/?fields=account_name,login_id',
    ['keyward', secret],
    { account_name: ann },
  ),
  bearer('miro', secret, 'GET api.miro.com/v1/oauth-token', { user: { name: ann } }),
  {
    ...key(
      'monday',
      { apiKey: secret },
      'POST api.monday.com/v2',
      { authorization: secret },
      {
        data: { me: { email: ann } },
      },
    ),
    refusal: graphql,
  },
  bearer(
    'notion',
    secret,
    'GET api.notion.com/v1/users/me',
    { bot: { workspace_name: ann } },
    { headers: { 'notion-version': '2025-09-03' } },
  ),
  key(
    'okta',
    { domain: 'acme.okta.com', apiKey: secret },
    'GET acme.okta.com/api/v1/users/me',
    { authorization: `SSWS ${secret}` },
    { profile: { login: ann } },
  ),
  key(
    'openai',
    { apiKey: `sk-proj-${secret}` },
    'GET api.openai.com/v1/models',
    { authorization: `Bearer sk-proj-${secret}` },
    {},
  ),
  key(
    'pagerduty',
    { apiKey: secret },
    'GET api.pagerduty.com/abilities',
    { authorization: `Token token=${secret}`, accept: 'application/vnd.pagerduty+json;version=2' },
    {},
  ),
  bearer('perplexity', `pplx-${secret}`, 'GET api.perplexity.ai/async/chat/completions', {}),
  bearer('resend', `re_${secret}`, 'GET api.resend.com/domains?limit=1', {}),
  bearer('sendgrid', `SG.${secret}`, 'GET api.sendgrid.com/v3/scopes', {}),
  bearer('sentry', secret, 'GET sentry.io/api/0/organizations/', [{ slug: ann }]),
  {
    ...key(
      'shopify',
      { shop: 'my-shop', adminToken: `shpat_${secret}` },
      'POST my-shop.myshopify.com/admin/api/2026-10/graphql.json',
      { 'x-shopify-access-token': `shpat_${secret}` },
      { data: { shop: { name: ann } } },
    ),
    refusal: graphql,
  },
  bearer('slack', `xoxb-${secret}`, 'POST slack.com/api/auth.test', { ok: true, user: ann }, { refusal: slackRefusal }),
  key(
    'stripe',
    { apiKey: `sk_test_${secret}` },
    'GET api.stripe.com/v1/account',
    { authorization: `Bearer sk_test_${secret}` },
    { id: ann },
  ),
  bearer('supabase', `sbp_${secret}`, 'GET api.supabase.com/v1/organizations', [{ name: ann }]),
  key(
    'supabase',
    { project: 'abcdefghijklmnopqrst', apiKey: `sb_secret_${secret}` },
    'GET abcdefghijklmnopqrst.supabase.co/auth/v1/settings',
    { apikey: `sb_secret_${secret}` },
    {},
  ),
  bearer('todoist', secret, 'GET api.todoist.com/api/v1/user', { email: ann }),
  key(
    'trello',
    { apiKey: secret, apiToken: `token${secret}` },
    'GET api.trello.com/1/members/me',
    { authorization: `OAuth oauth_consumer_key="${secret}", oauth_token="token${secret}"` },
    { username: ann },
  ),
  basic(
    'twilio',
    { accountSid: sid, authToken: secret },
    `GET api.twilio.com/2010-04-01/Accounts/${sid}.json`,
    [sid, secret],
    { friendly_name: ann },
  ),
  bearer('vercel', secret, 'GET api.vercel.com/v2/user', { user: { username: ann } }),
  key(
    'youtube',
    { apiKey: secret },
    `GET www.googleapis.com/youtube/v3/videoCategories?part=snippet&regionCode=US&key=${secret}`,
    {},
    {},
  ),
  basic(
    'zendesk',
    { subdomain: 'acme', email: ann, apiToken: secret },
    'GET acme.zendesk.com/api/v2/users/me.json',
    [`${ann}/token`, secret],
    { user: { email: ann } },
  ),
  {
    ...key(
      'telegram',
      { botToken: '123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11' },
      'GET api.telegram.org/bot123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11/getMe',
      {},
      { ok: true, result: { username: ann } },
    ),
    refusal: { status: 401, body: { ok: false } },
  },
];
