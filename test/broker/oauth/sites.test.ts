import { describe, expect, it } from 'vitest';
import { handOverBetween, misplacedEndpoint } from '../../../src/broker/oauth/sites.ts';

const metadata = (issuer: string, authorization: string, token: string, more: Record<string, string> = {}) => ({
  issuer,
  authorization_endpoint: authorization,
  token_endpoint: token,
  ...more,
});
const google = 'https://accounts.google.com';
const evil = 'https://login.evil.example';
const honest = 'https://login.honest.example';

describe('an issuer that a connection names', () => {
  it.each([
    [
      'Google, whose token endpoint is on another site',
      metadata(google, `${google}/o/oauth2/v2/auth`, 'https://oauth2.googleapis.com/token', {
        revocation_endpoint: 'https://oauth2.googleapis.com/revoke',
      }),
    ],
    [
      'Amazon Cognito, whose pages and tokens are on another site together',
      metadata(
        'https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a',
        'https://shop.auth.us-east-1.amazoncognito.com/oauth2/authorize',
        'https://shop.auth.us-east-1.amazoncognito.com/oauth2/token',
      ),
    ],
    ['Slack', metadata('https://slack.com', 'https://slack.com/openid/authorize', 'https://slack.com/api/token')],
    [
      'a server that only passes registrations on',
      metadata('https://mcp.example', `${honest}/authorize`, `${honest}/token`, {
        registration_endpoint: 'https://mcp.example/register',
      }),
    ],
    [
      'a host below the issuer’s domain',
      metadata(honest, 'https://www.honest.example/authorize', 'https://api.honest.example/token', {
        registration_endpoint: 'https://register.honest.example/',
      }),
    ],
    ['one that has a token endpoint alone', { issuer: honest, token_endpoint: `${honest}/token` }],
  ])('is taken: %s', (_, found) => {
    expect(misplacedEndpoint(found, null)).toBeNull();
  });

  it.each([
    [
      'another server’s consent page, with a token endpoint of its own',
      metadata(evil, `${honest}/a`, `${evil}/t`),
      'authorization_endpoint',
    ],
    [
      'another server’s consent page, with a third party’s token endpoint',
      metadata(evil, `${honest}/a`, 'https://third.example/t'),
      'authorization_endpoint',
    ],
    [
      'another server’s endpoints, with a revocation endpoint of its own, which would be sent the tokens',
      metadata(evil, `${honest}/a`, `${honest}/t`, { revocation_endpoint: `${evil}/r` }),
      'revocation_endpoint',
    ],
    [
      'a revocation endpoint of a third party',
      metadata(google, `${google}/a`, 'https://oauth2.googleapis.com/token', { revocation_endpoint: `${evil}/r` }),
      'revocation_endpoint',
    ],
    [
      'a registration endpoint of a third party',
      metadata(honest, `${honest}/a`, `${honest}/t`, { registration_endpoint: `${evil}/r` }),
      'registration_endpoint',
    ],
    [
      'a neighbour at the same host of many',
      metadata('https://a.github.io', 'https://b.github.io/a', 'https://a.github.io/t'),
      'authorization_endpoint',
    ],
  ] as const)('mix-up: is refused with %s', (_, found, name) => {
    expect(misplacedEndpoint(found, null)).toBe(name);
  });
});

describe('an issuer that a protected resource names', () => {
  const resource = 'https://mcp.evil.example/mcp';

  it.each([
    ['with everything at its own site', metadata(honest, 'https://www.honest.example/a', `${honest}/t`)],
    [
      'with pages of the resource’s own site',
      metadata(honest, 'https://app.evil.example/a', `${honest}/t`, { registration_endpoint: `${honest}/r` }),
    ],
    ['which is the resource itself', metadata('https://mcp.evil.example', `${evil}/a`, `${evil}/t`)],
    [
      'of Amazon Cognito',
      metadata(
        'https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a',
        'https://shop.auth.us-east-1.amazoncognito.com/oauth2/authorize',
        'https://shop.auth.us-east-1.amazoncognito.com/oauth2/token',
      ),
    ],
  ])('88. is taken %s', (_, found) => {
    expect(misplacedEndpoint(found, resource)).toBeNull();
  });

  it.each([
    ['which passes people on to another one', metadata(evil, `${honest}/a`, `${honest}/t`), 'authorization_endpoint'],
    [
      'with a client that somebody registered there',
      metadata(evil, `${honest}/a`, `${honest}/t`, { registration_endpoint: `${evil}/r` }),
      'authorization_endpoint',
    ],
    ['whose page only redirects to another one’s', metadata(evil, `${evil}/a`, `${honest}/t`), 'token_endpoint'],
    [
      'that calls itself a pool of Amazon Cognito',
      metadata(evil, 'https://shop.auth.us-east-1.amazoncognito.com/a', `${evil}/t`),
      'authorization_endpoint',
    ],
  ] as const)('88. is refused %s', (_, found, name) => {
    expect(misplacedEndpoint(found, resource)).toBe(name);
  });
});

describe('a hand-over', () => {
  const [api, code] = ['https://api.evil.example', 'https://code.third.example'];
  it.each([
    ['of one party', ['https://auth.one.example'], ['https://mcp.one.example:8443'], null],
    ['between two', [`${honest}/a`, `${honest}/t`], [api], { tokenOf: ['honest.example'], givenTo: ['evil.example'] }],
    [
      'between neighbours',
      ['https://a.github.io'],
      ['https://b.github.io'],
      { tokenOf: ['a.github.io'], givenTo: ['b.github.io'] },
    ],
    [
      'of tokens behind one’s own page',
      [`${evil}/a`, `${honest}/t`],
      [api],
      { tokenOf: ['honest.example'], givenTo: ['evil.example'] },
    ],
    [
      'of codes',
      [`${honest}/a`, code],
      [`${honest}/v1`, code],
      { tokenOf: ['honest.example', 'third.example'], givenTo: ['honest.example', 'third.example'] },
    ],
  ] as const)('88. is seen, or is none: %s', (_, from, to, expected) => {
    expect(handOverBetween(from, to)).toEqual(expected);
  });
});
