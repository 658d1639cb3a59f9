import { describe, expect, it } from 'vitest';
import { checkServerHost, serverHostsOf } from '../../../src/broker/oauth/server-hosts.ts';
import { loadCatalogue } from '../../../src/connectors/catalogue.ts';
import { clientHosts, serverHosts } from '../../../src/connectors/server-hosts.ts';
import { KeywardError } from '../../../src/errors.ts';
import { oauth2Context } from '../../support/oauth-context.ts';

const catalogue = await loadCatalogue(null);
const hostsOf = (id: string, inputs: Record<string, string> = {}) => clientHosts(catalogue.require(id), inputs);

describe('the hosts that an OAuth client is entered for', () => {
  it.each<[string, string, Record<string, string>, string[]]>([
    ['are those of every endpoint that gets its secret', 'github', {}, ['github.com', 'api.github.com']],
    ['keep the variable of what tells one customer from another', 'shopify', { shop: 'tea' }, ['{shop}.myshopify.com']],
    [
      'are the servers that a connection names itself',
      'generic-oauth2',
      { tokenEndpoint: 'https://login.example:8443/t' },
      ['login.example:8443'],
    ],
    ['are the issuer that is to name the endpoints', 'mcp-server', { issuer: 'https://as.example/x' }, ['as.example']],
    ['are none where the connection has not named them yet', 'generic-openid', {}, []],
    ['are none where nothing is authorized', 'openai', {}, []],
  ])('%s: %s', (_, id, inputs, expected) => {
    expect(hostsOf(id, inputs)).toEqual(expected);
  });

  it('are the allowed ones, which are fixed, where a service names its own host', () => {
    const zoho = catalogue.require('zoho-crm');
    const hosts = hostsOf('zoho-crm');
    expect(hosts).toEqual(zoho.auth[0]?.api.allowedHosts);
    expect(hosts.filter((host) => host.includes('{'))).toEqual([]);
  });

  it('of every built-in service end in a fixed domain, unless the connection names the server', () => {
    for (const connector of catalogue.list()) {
      for (const host of connector.auth.flatMap((auth) => serverHosts(auth, {}))) {
        expect(host, connector.id).toMatch(/(^|[.}])([a-z0-9-]+\.)+[a-z0-9-]+$/);
      }
    }
  });
});

describe('an endpoint is held against the hosts that a secret was made for', () => {
  const context = (hosts: string[] | null, values: Record<string, string> = {}) => ({
    ...oauth2Context('https://auth.example'),
    hosts,
    values,
  });
  const refusal = (hosts: string[] | null, url: string, values = {}) => {
    try {
      checkServerHost(context(hosts, values), new URL(url));
      return null;
    } catch (error) {
      return error instanceof KeywardError ? error.code : error;
    }
  };

  it.each<[string, string[] | null, string, Record<string, string>]>([
    ['that are not limited', null, 'https://any.example/t', {}],
    ['by name', ['auth.example'], 'https://AUTH.example/t', {}],
    ['by name and port', ['auth.example:8443'], 'https://auth.example:8443/t', {}],
    ['filled for one customer', ['{shop}.auth.example'], 'https://tea.auth.example/t', { shop: 'tea' }],
    ['below a domain', ['*.auth.example'], 'https://eu.auth.example/t', {}],
  ])('%s', (_, hosts, url, values) => {
    expect(refusal(hosts, url, values)).toBeNull();
  });

  it.each<[string, string[], string, Record<string, string>]>([
    ['none', [], 'https://auth.example/t', {}],
    ['another host', ['auth.example'], 'https://auth.example.evil.example/t', {}],
    ['another port', ['auth.example:8443'], 'https://auth.example/t', {}],
    ['another customer', ['{shop}.auth.example'], 'https://evil.auth.example/t', { shop: 'tea' }],
    ['a variable that is gone', ['{shop}.auth.example'], 'https://tea.auth.example/t', {}],
    ['a variable that steps out', ['{shop}.auth.example'], 'https://evil.example/t', { shop: 'evil.example/' }],
  ])('and refused: %s', (_, hosts, url, values) => {
    expect(refusal(hosts, url, values)).toBe('reconnect_required');
  });

  it('and a grant keeps only those that it may be sent to, each as it was filled', () => {
    const auth = {
      issuer: undefined,
      tokenEndpoint: 'https://{shop}.auth.example/token',
      revocationEndpoint: 'https://evil.example/revoke',
      deviceAuthorizationEndpoint: undefined,
    };
    const values = { shop: 'tea' };
    const filled = oauth2Context('https://auth.example', {
      auth,
      values,
      allowedHosts: ['127.0.0.1', '{shop}.auth.example'],
    });
    expect(serverHostsOf({ ...filled, hosts: ['{shop}.auth.example'] }, {})).toEqual(['tea.auth.example']);
    expect(serverHostsOf(filled, {})).toEqual(['tea.auth.example', 'evil.example']);
  });
});
