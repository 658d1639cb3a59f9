import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authorizationUrl } from '../../../src/broker/oauth/authorize.ts';
import { clientCredentials } from '../../../src/broker/oauth/client-credentials.ts';
import { pollDevice, startDevice } from '../../../src/broker/oauth/device.ts';
import { exchangeCode } from '../../../src/broker/oauth/exchange.ts';
import { refreshTokens } from '../../../src/broker/oauth/refresh.ts';
import { KeywardError, toPublic } from '../../../src/errors.ts';
import { clientCredentialsContext, oauth2Context } from '../../support/oauth-context.ts';
import { type OddAnswer, type OddServer, startOddServer } from '../../support/servers/odd-server.ts';

let server: OddServer;
beforeAll(async () => {
  server = await startOddServer();
});
afterAll(() => server.close());

/** Every secret of a flow, each told apart from all other text. */
const canaries = {
  accessToken: 'canary-access-7b1f',
  refreshToken: 'canary-refresh-90ad',
  newRefreshToken: 'canary-rotated-33c2',
  code: 'canary-code-51ee',
  codeVerifier: 'canary-verifier-0d4a-0d4a-0d4a-0d4a-0d4a-0d4a',
  clientSecret: 'canary-client-secret-6f8b',
  deviceCode: 'canary-device-2a97',
  idToken: 'canary-id-e30.e30.e30',
};
const all = Object.values(canaries).join(' ');

/** Answers that hold every secret in every place that a message could be made of. */
const leaky: readonly OddAnswer[] = [
  {
    status: 400,
    body: { error: 'invalid_grant', error_description: all, error_uri: `https://x.example/${canaries.code}` },
  },
  ...Object.values(canaries).map((canary) => ({ status: 400, body: { error: canary } })),
  { status: 400, body: { error: { code: canaries.refreshToken, message: all } } },
  { status: 400, body: { error: all } },
  { status: 401, headers: { 'www-authenticate': `Bearer realm="${all}", error="invalid_token"` }, body: { note: all } },
  { status: 404, body: `<html>${all}</html>` },
  { status: 500, body: { error: 'server_error', error_description: all } },
  { status: 503, headers: { 'retry-after': all }, body: all },
  { status: 302, headers: { location: `https://x.example/?${canaries.code}` }, body: all },
  { body: all },
  { body: `{"access_token":"${canaries.accessToken}"` },
  { body: { token_type: 'Bearer', refresh_token: canaries.newRefreshToken, id_token: canaries.idToken } },
  { body: { access_token: { value: canaries.accessToken }, refresh_token: canaries.newRefreshToken } },
  { body: { access_token: canaries.accessToken, token_type: 'DPoP', refresh_token: canaries.newRefreshToken } },
  { body: [{ access_token: canaries.accessToken }] },
  { headers: { 'content-encoding': 'gzip' }, body: all },
  { body: all.repeat(3_000) },
  { status: 777, body: all },
  { fault: 'cut' },
  { fault: 'reset' },
  { fault: 'silent' },
];

const client = { clientId: 'keyward', clientSecret: canaries.clientSecret };
const redirectUri = 'http://127.0.0.1:7355/cb';

/** Each operation with all its secrets, and with each way to send the client's. */
function operations(tokenEndpointAuthMethod: string): Promise<unknown>[] {
  const auth = {
    tokenEndpointAuthMethod,
    bodyFormat: tokenEndpointAuthMethod === 'client_secret_post' ? 'json' : 'form',
  };
  const context = oauth2Context(server.origin, { client, auth, timeoutMs: 400 });
  const discovering = oauth2Context(server.origin, {
    client,
    auth: { ...auth, tokenEndpoint: undefined },
    timeoutMs: 400,
  });
  const callback = (query: Record<string, string>) => ({
    redirectUri,
    received: new URLSearchParams({ code: canaries.code, ...query }),
    state: 'the-state',
    codeVerifier: canaries.codeVerifier,
  });
  return [
    exchangeCode(context, callback({ state: 'the-state' })),
    exchangeCode(context, callback({ state: canaries.code })),
    exchangeCode(context, callback({ state: 'the-state', iss: canaries.code })),
    exchangeCode(context, callback({ state: 'the-state', error: canaries.codeVerifier, error_description: all })),
    exchangeCode(context, callback({ state: 'the-state', response: canaries.code, id_token: all, token: all })),
    refreshTokens(context, { refreshToken: canaries.refreshToken, kept: {} }),
    refreshTokens(discovering, { refreshToken: canaries.refreshToken, kept: {} }),
    authorizationUrl(discovering, { redirectUri, state: 's', codeVerifier: canaries.codeVerifier }),
    clientCredentials(clientCredentialsContext(server.origin, { client, auth, timeoutMs: 400 })),
    startDevice(context),
    pollDevice(context, canaries.deviceCode),
  ];
}

/** Everything of an error that could be logged, shown or stored. */
function everything(error: unknown): string {
  const seen: string[] = [];
  for (
    let one: unknown = error;
    one !== undefined && one !== null;
    one = one instanceof Error ? one.cause : undefined
  ) {
    const own = one instanceof Error ? [one.message, one.stack, ...Object.getOwnPropertyNames(one)] : [];
    seen.push(
      String(one),
      inspect(one, { depth: 20, showHidden: true }),
      JSON.stringify(one) ?? '',
      ...own.map(String),
    );
  }
  return seen.concat(JSON.stringify(toPublic(error))).join('\n');
}

describe('42. no error of the OAuth layer', () => {
  it.each(leaky)('holds a token, code, verifier or client secret when the service answers %j', async (answer) => {
    server.answer = answer;
    let errors = 0;
    for (const method of ['client_secret_basic', 'client_secret_post', 'client_secret_basic_raw']) {
      for (const outcome of await Promise.allSettled(operations(method))) {
        if (outcome.status === 'fulfilled') continue;
        errors += 1;
        expect(outcome.reason).toBeInstanceOf(KeywardError);
        expect((outcome.reason as KeywardError).code).not.toBe('internal');
        const text = everything(outcome.reason);
        for (const [name, canary] of Object.entries(canaries)) {
          const forms = [canary, encodeURIComponent(canary), Buffer.from(canary).toString('base64').slice(0, -4)];
          for (const form of forms) expect(text.includes(form), name).toBe(false);
        }
      }
    }
    // Reading the answer failed every time; only the odd device poll counts as pending.
    expect(errors).toBeGreaterThanOrEqual(27);
  });
});
