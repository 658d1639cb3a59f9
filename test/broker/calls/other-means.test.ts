/** What a caller may tell a service beside method and path, and the ways to say by other means what is refused in words. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Broker } from '../../../src/broker/broker.ts';
import { callService } from '../../../src/broker/calls/call-service.ts';
import { readHeaders } from '../../../src/broker/calls/headers.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { updateCredential } from '../../../src/broker/credentials/manage.ts';
import { type ShareInput, shareConnection } from '../../../src/broker/credentials/share.ts';
import type { Principal } from '../../../src/principal.ts';
import { acme, principal, startBroker, type TestBroker } from '../../support/broker.ts';
import { type EchoApi, startEchoApi } from '../../support/servers/echo-api.ts';

const ann = principal('ann');
const bob = principal('bob');
let api: EchoApi;
let test: TestBroker;
let broker: Broker;
let connectionId: string;
beforeAll(async () => {
  api = await startEchoApi();
  test = await startBroker({ origin: api.origin });
  broker = test.broker;
  const input = { connectorId: acme, authenticationType: 'api_key', apiKey: 'acme_s3cretS3cretS3cret' };
  const created = await createCredential(broker, ann, input, { obtainedBy: 'rest' });
  connectionId = created.kind === 'created' ? created.credentialId : '';
});
afterAll(() => Promise.all([test.close(), api.close()]));

const share = (policy?: ShareInput['policy']) =>
  shareConnection(broker, ann, { connectionId, with: 'user:bob', permission: 'use', policy });

type Asked = { method?: string; path?: string; headers?: Record<string, string>; reserved?: 'refuse' | 'drop' };

/** What reached the service: its URL and headers, or the code of the refusal after which nothing did. */
async function sent(who: Principal, { method = 'GET', path = '/x', headers = {}, reserved = 'refuse' }: Asked) {
  const before = api.seen.length;
  const call = { connectionId, method, path, headers, reserved } as const;
  const code = await callService(broker, who, call).then(
    async (answer) => void (await answer.discard()),
    (error) => String(error.code),
  );
  expect(api.seen.length - before).toBe(code === undefined ? 1 : 0);
  return code ?? { url: api.seen.at(-1)?.url, headers: api.seen.at(-1)?.headers ?? {} };
}

/** Says who calls, to a server that believes its proxy, its cloud or its identity service. */
const identities = [
  ...['X-Remote-User', 'Remote-User', 'REMOTE_USER', 'Remote-Groups', 'X-Remote-Group', 'X-Remote-Extra-Scopes'],
  ...['X-Forwarded-User', 'X-Forwarded-Email', 'X-Forwarded-Groups', 'X-Forwarded-Access-Token', 'X_Forwarded_For'],
  ...['X-Auth-Request-User', 'X-Auth-Request-Email', 'X-Auth-User', 'X-Authenticated-User', 'X-Authenticated-UserId'],
  ...['X-authentik-username', 'X-Authelia-User', 'X-Webauth-User', 'X-User', 'X-User-Id', 'X-Username', 'X-Email'],
  ...['X-MS-CLIENT-PRINCIPAL', 'X-MS-CLIENT-PRINCIPAL-NAME', 'X-MS-TOKEN-AAD-ACCESS-TOKEN', 'X-ARR-ClientCert'],
  ...['X-Goog-Authenticated-User-Email', 'X-Goog-Authenticated-User-Id', 'X-Goog-IAP-JWT-Assertion'],
  ...['X-Serverless-Authorization', 'X-Endpoint-API-UserInfo', 'X-Apigateway-Api-Userinfo', 'X-Appengine-User-Email'],
  ...['X-Amzn-Oidc-Data', 'X-Amzn-Oidc-Identity', 'X-Amzn-Oidc-Accesstoken', 'X-Amzn-Mtls-Clientcert-Subject'],
  ...['X-Amzn-Request-Context', 'X-Amzn-Ava-User-Context', 'OIDC_CLAIM_sub', 'OIDC-access-token', 'X-Userinfo'],
  ...['X-SSL-Client-DN', 'X-SSL-Client-Cert', 'X-SSL-Client-Verify', 'SSL_CLIENT_S_DN', 'X-Client-Cert', 'Client-Cert'],
  ...['X-Client-DN', 'Client-Cert-Chain', 'Shib-Session-ID', 'X-Shib-Eppn', 'X-SAML-Subject', 'X-SSO-User'],
  ...['X-Consumer-Username', 'X-Credential-Identifier', 'X-Anonymous-Consumer', 'X-Pomerium-Jwt-Assertion'],
  ...['Cf-Access-Authenticated-User-Email', 'Tailscale-User-Login', 'Teleport-Jwt-Assertion', 'X-JWT-Assertion'],
  ...['Impersonate-User', 'Impersonate-Group', 'Sudo', 'X-On-Behalf-Of', 'On-Behalf-Of', 'X-Act-As', 'X-Run-As'],
  ...['es-security-runas-user', 'MSCRMCallerID', 'CallerObjectId'],
  ...['Private-Token', 'Job-Token', 'Deploy-Token', 'X-Auth-Token', 'X-Access-Token', 'X-Auth-Key', 'Api-Key'],
  ...['authorization_', '_authorization', 'Authorization-', 'X-Authorization', 'Cookie_', 'X.Forwarded.For'],
];

/** Says where from, where to, or that a rule of the service's own proxy is already met. */
const places = [
  ...['X-Client-IP', 'Client-IP', 'X-ProxyUser-Ip', 'WL-Proxy-Client-IP', 'X-Originating-IP', 'X-Remote-Addr'],
  ...['X-Source-Ip', 'Fly-Client-IP', 'X-Azure-ClientIP', 'X-Azure-SocketIP', 'X-Vercel-Forwarded-For'],
  ...['X-NF-Client-Connection-Ip', 'Fastly-Client-IP', 'X-Envoy-External-Address', 'X-Envoy-Internal'],
  ...['X-Envoy-Original-Path', 'X-Envoy-Original-Dst-Host', 'Destination', 'X-Middleware-Subrequest'],
  ...['X-Accel-Mapping', 'X-Sendfile-Type', 'X-Proxy-User', 'CDN-Loop', 'X-Real-Port'],
  ...['X-B3-TraceId', 'B3', 'X-Cloud-Trace-Context', 'X-Amzn-Trace-Id', 'Uber-Trace-Id', 'X-Datadog-Trace-Id'],
];

/** Asks for another method or path than the one that was checked. */
const misleading = [
  ...['X-Method', 'X-HTTP-Method', 'X-HTTP-Method-Override', 'X-Method-Override', 'X_Method', 'X-HTTP-Verb'],
  ...['X-Verb', 'X-Verb-Override', 'HTTP-Method', 'Method-Override', '_method', 'X-Original-URL', 'X-Original-Uri'],
  ...['X-Rewrite-URL', 'X-Override-URL', 'X-HTTP-Path-Override', 'X-HTTP-Host-Override', 'X-Host', 'X-Path'],
  ...['X-HTTP-DestinationURL', 'X-Original-Path', 'X-Original-Method'],
];

/** Written with any other character for the dashes: servers that read names as variables take them for the same. */
function otherSpelling(name: string): fc.Arbitrary<string> {
  const parts = name.split(/[-_.]+/).filter((part) => part !== '');
  const dash = fc.constantFrom('-', '_', '.', '--', '_-');
  const cased = (part: string) => fc.constantFrom(part, part.toLowerCase(), part.toUpperCase());
  return fc
    .tuple(fc.tuple(...parts.map(cased)), fc.array(dash, { minLength: parts.length, maxLength: parts.length }))
    .map(([words, dashes]) => words.map((word, at) => `${at === 0 ? '' : dashes[at]}${word}`).join(''));
}

describe('headers of the owner', () => {
  it.each([...identities, ...places])('94. %s is not the caller’s to set', async (name) => {
    expect(await sent(ann, { headers: { [name]: '1' } })).toBe('invalid_input');
    const dropped = await sent(ann, { headers: { [name]: 'from-the-caller' }, reserved: 'drop' });
    expect(JSON.stringify(dropped)).not.toContain('from-the-caller');
    expect(dropped).toMatchObject({ url: '/v1/x' });
  });

  it.each(misleading)('95. %s, which could name another method or path, is refused at every door', async (name) => {
    for (const reserved of ['refuse', 'drop'] as const) {
      expect(await sent(ann, { headers: { [name]: 'DELETE' }, reserved })).toBe('invalid_input');
    }
  });

  it('94. 95. none of them in any other spelling is either', () => {
    const name = fc.constantFrom(...identities, ...places, ...misleading).chain(otherSpelling);
    const refusedAll = { own: new Set<string>(), named: null, reserved: 'refuse' } as const;
    const property = fc.property(name, (one) => {
      expect(() => readHeaders({ [one]: '1' }, refusedAll)).toThrow(expect.objectContaining({ code: 'invalid_input' }));
    });
    fc.assert(property, { numRuns: 500 });
  });

  it('what only the service is told is sent', async () => {
    const headers = {
      'x-own': 'yes',
      'user-agent': 'client/1',
      'content-type': 'text/x',
      'mcp-session-id': '1',
      'x-user-agent': 'grpc-web',
      'stripe-account': 'acct_1',
      'x-goog-user-project': 'p',
      'x-amz-target': 'T',
      'http-referer': 'https://app.example',
      'x-request-id': 'r',
    };
    expect(await sent(ann, { headers })).toMatchObject({ headers });
  });
});

describe('headers of a share', () => {
  const allowed = {
    accept: 'text/x',
    'accept-language': 'de',
    'content-type': 'text/x',
    'content-language': 'de',
    'if-match': '"1"',
    'if-none-match': '"1"',
    prefer: 'return=minimal',
    range: 'bytes=0-1',
    'idempotency-key': 'k',
    'mcp-session-id': 's',
    'mcp-protocol-version': '2025-11-25',
    'last-event-id': '1',
  };

  it('93. are those that say how to answer, and those that the connector names', async () => {
    await share();
    expect(await sent(bob, { headers: allowed })).toMatchObject({ headers: allowed });
    expect(
      readHeaders({ 'X-Constant': '2' }, { own: new Set(), named: new Set(['x-constant']), reserved: 'drop' }),
    ).toEqual({
      'x-constant': '2',
    });
  });

  it('93. are no others: a model is told, a program goes on without', async () => {
    await share();
    for (const name of [
      'x-own',
      'stripe-account',
      'openai-organization',
      'dropbox-api-select-user',
      'content-length',
    ]) {
      expect(await sent(bob, { headers: { [name]: '1' } }), name).toBe('invalid_input');
      const gone = await sent(bob, { headers: { [name]: '1', prefer: 'x' }, reserved: 'drop' });
      expect(gone).toMatchObject({ headers: { prefer: 'x' } });
      expect((gone as { headers: object }).headers, name).not.toHaveProperty(name);
    }
  });

  it('93. are, whatever their names, those of the list alone', () => {
    const name = fc.stringMatching(/^[a-zA-Z][\w.-]{0,20}$/);
    const listed =
      /^(accept(-language)?|content-(?!length)[a-z-]+|if-[a-z-]+|prefer|range|idempotency-key|last-event-id|mcp-.+)$/;
    const property = fc.property(name, (one) => {
      const read = readHeaders({ [one]: '1' }, { own: new Set(), named: new Set(), reserved: 'drop' });
      expect(Object.keys(read).every((kept) => listed.test(kept))).toBe(true);
    });
    fc.assert(property, { numRuns: 1_000 });
  });
});

/** Parameters by which a service takes a call for another method. */
const methods = [
  ...['_method=DELETE', '_verb=DELETE', 'method_override=DELETE', '_method%00=DELETE', 'x-method=DELETE'],
  ...['http_method=PUT', '_http_method=PUT', 'httpMethod=PUT', '[method=DELETE', '.method=DELETE', '%20_method=DELETE'],
  ...['%255fmethod=DELETE', 'x-http-verb=PUT', '_method%00x[]=DELETE', 'X_HTTP_METHOD=PUT', 'methodOverride=PUT'],
  ...['_Method_Override=PUT', '_method%09=DELETE'],
];

describe('a limited call', () => {
  it.each(methods)('95. can not name another method by the parameter %s', async (query) => {
    await share();
    for (const who of [ann, bob]) expect(await sent(who, { path: `/x?a=1&${query}` })).toBe('invalid_input');
  });

  it.each([
    ...['method=DELETE', 'METHOD=delete', 'method=%20Put', 'verb=PATCH', 'request_method=POST', 'method[]=DELETE'],
    ...[
      'query=mutation{deleteAll}',
      'query=mutation%20Gone(%24a:Int=1)%20%40x%20{deleteAll}',
      'query=%EF%BB%BFmutation{a}',
    ],
    ...['query=fragment%20F%20on%20T{a}%20mutation{b}', 'QUERY=subscription{a}', 'query=%23%0Amutation{a}'],
    ...['query=mutation%20%23}%0A{deleteAll}', 'query=mutation(%24a:String="}"){del}'],
    ...['extensions={"persistedQuery":{"sha256Hash":"a"}}', 'extensions={"persisted%5Cu0051uery":{"sha256Hash":"a"}}'],
  ])('95. by a share can not act by the parameter %s', async (query) => {
    await share();
    expect(await sent(bob, { path: `/x?${query}` })).toBe('forbidden');
  });

  it('95. nor can one of its owner within a policy of methods', async () => {
    await updateCredential(broker, ann, { credentialId: connectionId, policy: { methods: ['GET'], paths: null } });
    try {
      expect(await sent(ann, { path: '/x?method=DELETE' })).toBe('forbidden');
    } finally {
      await updateCredential(broker, ann, { credentialId: connectionId, policy: null });
    }
    expect(await sent(ann, { path: '/x?method=DELETE' })).toMatchObject({ url: '/v1/x?method=DELETE' });
  });

  it.each([
    ...['method=flickr.test.echo', 'payment_method=card', 'http_status=1', 'verb=run', 'methods=DELETE'],
    ...['query=%7Bviewer%7Bid%7D%7D', 'query=mutation', 'query=gene%20mutation%20rates', 'extensions=pdf'],
  ])('with a parameter that only sounds like that, %s, is sent', async (query) => {
    await share();
    expect(await sent(bob, { path: `/x?${query}` })).toMatchObject({ url: `/v1/x?${query}` });
  });

  it.each([
    ...['/repos/..%3f/admin', '/repos/..%23/admin', '/repos/..%3fa/admin', '/repos/.%3F', '/repos/..%253f/admin'],
    ...['/repos/..;a%3f/admin', '/repos/..%20%23/admin', '/repos/%2e%2e%3f/admin', '/repos/..%ef%bc%9f/admin'],
  ])('96. has no path that a server which decodes twice resolves to another: %s', async (path) => {
    await share({ paths: ['/repos/**'] });
    expect(await sent(bob, { path })).toBe('invalid_input');
    expect(await sent(ann, { path })).toBe('invalid_input');
  });

  it.each(['/repos/admin%3f/pulls', '/repos/admin%23/pulls', '/repos/a%2fb%3f/pulls', '/repos/admin%ef%bc%9f/pulls'])(
    '96. within a policy of paths has none that ends early for such a server: %s',
    async (path) => {
      await share({ paths: ['/repos/*/pulls'] });
      expect(await sent(bob, { path })).toBe('forbidden');
      await share({ paths: ['/repos/a'] });
    },
  );
});
