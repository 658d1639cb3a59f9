/** Facts of single services that are easy to lose, as what follows from them. */
import { expect, it } from 'vitest';
import { readInputs } from '../../src/broker/input/forms.ts';
import { siteOf } from '../../src/broker/oauth/sites.ts';
import { builtinIds, readBuiltin } from '../../src/connectors/builtin.ts';
import { complete } from '../../src/connectors/definition/complete.ts';
import type { ConnectorFile } from '../../src/connectors/definition/definition.ts';
import { fillUrl } from '../../src/connectors/template.ts';

const connectorOf = (id: string) => complete(readBuiltin(id) as ConnectorFile);

function methodOf(id: string, type: string) {
  const connector = connectorOf(id);
  const auth = connector.auth.find(({ authenticationType }) => authenticationType === type);
  if (auth === undefined) throw new Error(`${id} has no ${type}`);
  return { connector, auth };
}

// Row level security goes by Authorization alone: a legacy key in the header apikey would act as anon.
it('refuses a legacy key of Supabase in words, and takes both kinds of new ones', () => {
  const { connector, auth } = methodOf('supabase', 'api_key');
  const project = 'abcdefghijklmnopqrst';
  const read = (apiKey: string) => readInputs(connector, auth, { project, apiKey }).problems;
  expect(read('sb_secret_AbC-123_x')).toEqual({});
  expect(read('sb_publishable_AbC-123_x')).toEqual({});
  expect(read('eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.c2ln').apiKey).toMatch(/sb_secret_.*legacy/s);
});

it.each(['zoho-crm', 'zoho-books'])('calls %s in every data centre that sign-in names', (id) => {
  const { baseUrl, allowedHosts } = connectorOf(id).api;
  for (const domain of ['com', 'eu', 'in', 'com.au', 'com.cn', 'jp', 'sa', 'ca', 'uk', 'ae']) {
    const url = fillUrl(baseUrl, { api_domain: `https://www.zohoapis.${domain}` }, allowedHosts);
    expect(url.host).toBe(`www.zohoapis.${domain}`);
  }
  const elsewhere = { api_domain: 'https://www.zohoapis.example' };
  expect(() => fillUrl(baseUrl, elsewhere, allowedHosts)).toThrow();
});

it.each(['zoho-crm', 'zoho-books', 'zoho-desk', 'zoho-mail'])('gets tokens of %s from every data centre', (id) => {
  const { auth } = methodOf(id, 'oauth2');
  if (auth.authenticationType !== 'oauth2') throw new Error('no OAuth');
  for (const host of ['accounts.zoho.uk', 'accounts.zoho.sa', 'accounts.zohocloud.ca'])
    expect(
      fillUrl(auth.tokenEndpoint ?? '', { 'accounts-server': `https://${host}` }, auth.api.allowedHosts).host,
    ).toBe(host);
});

it('keeps the European workspaces of Webflow apart: neither region takes the tokens or apps of the other', () => {
  for (const [id, other] of [
    ['webflow', 'eu.webflow.com'],
    ['webflow-eu', '//webflow.com'],
  ] as const) {
    const { auth } = methodOf(id, 'oauth2');
    const { evidence: _evidence, docsUrl: _docs, ...rest } = connectorOf(id);
    expect(auth.api.allowedHosts).toEqual([id === 'webflow' ? 'api.webflow.com' : 'api.eu.webflow.com']);
    expect(JSON.stringify(rest)).not.toContain(other);
  }
});

it('says where a way of Zendesk is chosen that it ends', () => {
  const { auth } = methodOf('zendesk', 'basic');
  expect(auth.title).toContain('30 April 2027');
  expect(auth.inputs.properties.apiToken?.description).toContain('30 April 2027');
});

it('asks a new app of Calendly for scopes, since without any it may do nothing', () => {
  const { auth } = methodOf('calendly', 'oauth2');
  expect('scopes' in auth && auth.scopes).toContain('users:read');
  expect(methodOf('calendly', 'bearer').auth.inputs.properties.token?.description).toContain('users:read');
});

it('lets monday.com install an app on the way to its consent', () => {
  const { auth } = methodOf('monday', 'oauth2');
  expect('authorizationParams' in auth && auth.authorizationParams).toEqual({ force_install_if_needed: 'true' });
});

it.each(['snowflake', 'docusign', 'facebook', 'zoho-crm', 'zoho-books', 'zoho-desk', 'zoho-mail'])(
  'sends PKCE to %s, which documents it',
  (id) => {
    const { auth } = methodOf(id, 'oauth2');
    expect('pkce' in auth && auth.pkce).toBe('S256');
  },
);

it('has a page for the key, or none, for every way that takes one', () => {
  const pages = [...builtinIds()].flatMap((id) => connectorOf(id).auth.map(({ keyUrl }) => keyUrl));
  expect(pages.filter((page) => page !== null).length).toBeGreaterThan(150);
});

// A server may use the authorization server at whose site its clients are registered: each of another site is a decision.
it('242. knows every MCP server whose clients are registered at another site: both are of one house', () => {
  const others = [...builtinIds()]
    .map(connectorOf)
    .filter(({ api }) => api.protocol === 'mcp' && !api.baseUrl.includes('{'))
    .filter(({ appUrl, api }) => siteOf(appUrl) !== siteOf(api.baseUrl))
    .map(({ appUrl, api }) => [siteOf(api.baseUrl), siteOf(appUrl)].join(' '));
  expect([...new Set(others)].sort()).toEqual([
    'developerknowledge.googleapis.com google.com',
    'githubcopilot.com github.com',
    'globalping.dev globalping.io',
    'mercadopago.com mercadopago.com.ar',
    'netlify-mcp.netlify.app netlify.com',
    'notion.com notion.so',
    'postman.com postman.co',
    'pscale.dev planetscale.com',
    'revenuecat.ai revenuecat.com',
    'shippo.com goshippo.com',
    'todoist.net todoist.com',
    'withwandb.com wandb.ai',
  ]);
});
