/** What authorization servers read that know a client by its address. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientName } from '../../../../src/broker/grants/redirect-uri.ts';
import { callbackRoutes } from '../../../../src/http/pages/connect/callback.ts';
import { startBroker, type TestBroker } from '../../../support/broker.ts';

const publicUrl = 'https://keyward.example';
let test: TestBroker;
let name: string;

beforeAll(async () => {
  test = await startBroker({ origin: 'http://127.0.0.1:9', pages: { callbackOrigin: publicUrl } });
  name = clientName(test.broker.catalogue.require('mcp-server'), 'https://auth.example');
});
afterAll(() => test.close());

const ask = (path: string) =>
  callbackRoutes({ broker: test.broker, secure: true, pages: publicUrl, visitor: async () => 'unknown' }).request(path);

describe('the client metadata document', () => {
  it('is public, and names the address that it is at and one redirect URI', async () => {
    const answer = await ask(`/oauth/client/${name}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(await answer.json()).toEqual({
      client_id: `${publicUrl}/oauth/client/${name}`,
      client_name: 'Keyward',
      redirect_uris: [`${publicUrl}/oauth/callback/${name}`],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: 'web',
      token_endpoint_auth_method: 'none',
    });
  });

  it.each([
    'x',
    'mcp-server',
    `mcp-server.${'g'.repeat(16)}`,
    `${encodeURIComponent('../x')}.${'a'.repeat(16)}`,
    `a%22b.${'a'.repeat(16)}`,
  ])('is not there under %s', async (other) => {
    expect((await ask(`/oauth/client/${other}`)).status).toBe(404);
  });
});
