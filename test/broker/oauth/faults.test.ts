import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientCredentials } from '../../../src/broker/oauth/client-credentials.ts';
import type { OAuthContext } from '../../../src/broker/oauth/context.ts';
import { startDevice } from '../../../src/broker/oauth/device.ts';
import { exchangeCode } from '../../../src/broker/oauth/exchange.ts';
import { refreshTokens } from '../../../src/broker/oauth/refresh.ts';
import { revoke } from '../../../src/broker/oauth/revoke.ts';
import type { OAuth2Method } from '../../../src/connectors/definition/definition.ts';
import { defaultTimeoutMs } from '../../../src/net/deadline.ts';
import type { Egress } from '../../../src/net/egress.ts';
import { createEgress } from '../../../src/net/open-egress.ts';
import { clientCredentialsContext, loopbackEgress, oauth2Context } from '../../support/oauth-context.ts';
import { startHttpServer } from '../../support/servers/http-server.ts';
import { type OddAnswer, type OddServer, startOddServer } from '../../support/servers/odd-server.ts';

let server: OddServer;
beforeEach(async () => {
  server = await startOddServer();
});
afterEach(() => server.close());

const good: OddAnswer = { body: { access_token: 'at', token_type: 'Bearer' } };
const timeoutMs = 700;
const changes = { timeoutMs };

type Operation = (context: OAuthContext<OAuth2Method>) => Promise<unknown>;

const operations: Readonly<Record<string, Operation>> = {
  exchange: (context) =>
    exchangeCode(context, {
      redirectUri: 'http://127.0.0.1:7355/cb',
      received: new URLSearchParams({ code: 'c', state: 's' }),
      state: 's',
      codeVerifier: 'v'.repeat(43),
    }),
  refresh: (context) => refreshTokens(context, { refreshToken: 'rt', kept: {} }),
  'client credentials': () => clientCredentials(clientCredentialsContext(server.origin, changes)),
  'device start': (context) => startDevice(context),
};

const faults: readonly [name: string, answer: OddAnswer, code: string, details: object][] = [
  ['never answers', { fault: 'silent' }, 'provider_unavailable', { ambiguous: true }],
  ['drips', { fault: 'drip' }, 'provider_unavailable', { ambiguous: true }],
  ['closes the connection', { fault: 'reset' }, 'provider_unavailable', { ambiguous: true }],
  ['stops in the middle', { fault: 'cut' }, 'provider_unavailable', { ambiguous: true }],
  ['never ends', { fault: 'endless' }, 'provider_garbled', {}],
  [
    'has too many requests',
    { status: 429, headers: { 'retry-after': '12' } },
    'provider_unavailable',
    { retryAfterSeconds: 12, ambiguous: false },
  ],
  ['fails', { status: 500, body: 'oops' }, 'provider_unavailable', { status: 500, ambiguous: true }],
  [
    'is behind a broken gateway',
    { status: 502, body: '<html>' },
    'provider_unavailable',
    { status: 502, ambiguous: true },
  ],
  ['sends garbage', { body: '\u0000\u0001\u0002' }, 'provider_garbled', { ambiguous: true }],
  [
    'sends a page with status 200',
    { headers: { 'content-type': 'text/html' }, body: '<!doctype html>' },
    'provider_garbled',
    { ambiguous: true },
  ],
];

describe.each(Object.entries(operations))('%s, when the service', (_, operation) => {
  it.each(faults)('%s, ends in time with a typed error', async (_, answer, code, details) => {
    server.answer = answer;
    const started = Date.now();
    const outcome = operation(oauth2Context(server.origin, changes));
    await expect(outcome).rejects.toMatchObject({ code, details, hint: expect.any(String) });
    expect(Date.now() - started).toBeLessThan(timeoutMs + 2_000);
  });

  it('is down, says so, and nothing was sent', async () => {
    const port = server.port;
    await server.close();
    const context = oauth2Context(`http://127.0.0.1:${port}`, changes);
    const details = { ambiguous: false };
    await expect(operation(context)).rejects.toMatchObject({ code: 'provider_unavailable', details });
  });

  it('takes too long, can be cancelled by the caller', async () => {
    server.answer = { fault: 'silent' };
    if (operation === operations['client credentials']) return;
    const outcome = operation(oauth2Context(server.origin, { signal: AbortSignal.timeout(50) }));
    await expect(outcome).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('trying again', () => {
  it('a refresh is never sent twice: the lost answer may have rotated the token', async () => {
    server.next = [{ fault: 'reset' }, good];
    const details = { ambiguous: true };
    await expect(operations.refresh?.(oauth2Context(server.origin))).rejects.toMatchObject({ details });
    expect(server.seen.length).toBe(1);
  });

  it('a code is never sent twice: using it again can kill the grant', async () => {
    server.next = [{ fault: 'reset' }, good];
    await expect(operations.exchange?.(oauth2Context(server.origin))).rejects.toMatchObject({
      code: 'provider_unavailable',
    });
    expect(server.seen.length).toBe(1);
  });

  it('client credentials and revocation are asked for once more after a lost answer', async () => {
    server.next = [{ fault: 'reset' }, good];
    expect(await clientCredentials(clientCredentialsContext(server.origin))).toMatchObject({ accessToken: 'at' });
    server.next = [{ fault: 'reset' }, { status: 200 }];
    const tokens = { accessToken: 'at', refreshToken: null };
    expect(await revoke(oauth2Context(server.origin), tokens)).toBe('revoked');
    expect(server.seen.length).toBe(4);
  });

  it('a connection that was refused is tried once more even for a refresh: nothing was sent', async () => {
    const port = server.port;
    await server.close();
    let late: Awaited<ReturnType<typeof startHttpServer>> | undefined;
    const counted: Egress = {
      ...loopbackEgress,
      async request(request) {
        try {
          return await loopbackEgress.request(request);
        } catch (error) {
          // The service comes up between the first and the second try.
          late ??= await startHttpServer((_, response) => void response.end(JSON.stringify(good.body)), port);
          throw error;
        }
      },
    };
    const context = oauth2Context(`http://127.0.0.1:${port}`, { egress: counted });
    expect(await refreshTokens(context, { refreshToken: 'rt', kept: {} })).toMatchObject({ accessToken: 'at' });
    expect(late?.seen.length).toBe(1);
    await late?.close();
  });

  it('an operation has 30 s for everything, discovery included, unless told otherwise', async () => {
    expect(defaultTimeoutMs).toBe(30_000);
    server.answer = { fault: 'silent' };
    const auth = { tokenEndpoint: undefined };
    const egress = createEgress({ allow: ['127.0.0.1'] });
    server.next = [{ status: 404 }, { body: { issuer: server.origin, token_endpoint: `${server.origin}/token` } }];
    const started = Date.now();
    const outcome = refreshTokens(oauth2Context(server.origin, { auth, egress, timeoutMs }), {
      refreshToken: 'r',
      kept: {},
    });
    await expect(outcome).rejects.toMatchObject({ code: 'provider_unavailable' });
    expect(Date.now() - started).toBeLessThan(timeoutMs + 2_000);
    expect(server.seen.length).toBe(3);
  });
});
