import { describe, expect, it } from 'vitest';
import { builtinIds } from '../../src/connectors/builtin.ts';
import { loadCatalogue } from '../../src/connectors/catalogue.ts';
import { namedHosts } from '../../src/connectors/named-hosts.ts';

const catalogue = await loadCatalogue('/nowhere');

/** Every input with the same value, a whole URL or a host. */
const everywhere = (value: string) => new Proxy({} as Record<string, string>, { get: () => value });

describe('the hosts of a connection that somebody names', () => {
  it('are those of exactly these built-in connectors; every other one goes to hosts of its vendor', () => {
    const naming = [...builtinIds()].filter((id) => {
      const connector = catalogue.require(id);
      return connector.auth.some((auth) => namedHosts(connector, auth, everywhere('evil.example')).size > 0);
    });
    expect(naming).toEqual([
      'generic-api-key',
      'generic-api-key-query',
      'generic-aws-sigv4',
      'generic-http',
      'generic-oauth2',
      'generic-openid',
      'ghost',
      'jenkins',
      'mcp-server',
      'metabase',
      'weaviate',
      'woocommerce',
    ]);
  });

  it('are all of them, the authorization server’s too, as egress understands them', () => {
    const connector = catalogue.require('generic-openid');
    const [auth] = connector.auth;
    if (auth === undefined) throw new Error('It has no authentication type.');
    const values = { baseUrl: 'https://API.example:8443/v1', issuer: 'https://①②⑦.example' };
    expect([...namedHosts(connector, auth, values)]).toEqual([
      ['baseUrl', 'api.example:8443'],
      ['issuer', '127.example'],
    ]);
  });

  const bounded = (pattern: string) => {
    const property = { type: 'string', pattern } as const;
    const connector = { inputs: { type: 'object', properties: { host: property } } } as const;
    const auth = { ...catalogue.require('ghost').auth[0], inputs: { type: 'object', properties: {} } };
    return namedHosts(connector, auth as never, { host: 'evil.example' }).size === 0;
  };

  it.each([
    ['^[a-z]+\\.cloud\\.qdrant\\.io$', true],
    ['^[a-z.]+$', false],
    ['^[a-z.]+\\.io$', false],
    ['^evil|[a-z]+\\.qdrant\\.io$', false],
    ['^[a-z]+\\.qdrant\\.io', false],
    ['^[a-z]+.qdrant.io$', false],
    ['^[a-z]+\\.qdrant\\.(io|com)$', false],
  ])('are none where every match of the pattern ends in the vendor’s domain: %s', (pattern, fixed) => {
    expect(bounded(pattern)).toBe(fixed);
  });
});
