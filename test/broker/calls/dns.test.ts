/** Calls of services whose names a DNS server on loopback answers, as an attacker's would. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Broker } from '../../../src/broker/broker.ts';
import { callApi } from '../../../src/broker/calls/call-api.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { createEgress } from '../../../src/net/open-egress.ts';
import { acme, principal, startBroker, type TestBroker } from '../../support/broker.ts';
import { type DnsServer, startDnsServer } from '../../support/servers/dns-server.ts';
import { type EchoApi, startEchoApi } from '../../support/servers/echo-api.ts';

const ann = principal('ann');
let api: EchoApi;
let dns: DnsServer;
let test: TestBroker;
beforeAll(async () => {
  [api, dns] = await Promise.all([startEchoApi(), startDnsServer()]);
  // By its name, so that the DNS server is asked.
  test = await startBroker({ origin: `http://localhost:${api.port}` });
});
afterAll(() => Promise.all([test.close(), api.close(), dns.close()]));

/** That broker with connections of its own, and names resolved by the DNS server. */
function resolving(allow: readonly string[]): Broker {
  return { ...test.broker, egress: createEgress({ allow, resolve: dns.resolve }) };
}

async function connect(
  connectorId: string,
  authenticationType: string,
  fields: Record<string, string>,
  broker = test.broker,
) {
  const input = { connectorId, authenticationType, ...fields };
  const created = await createCredential(broker, ann, input, { obtainedBy: 'rest' });
  return created.kind === 'created' ? created.credentialId : '';
}

const call = (broker: Broker, connectionId: string) =>
  callApi(broker, ann, { connectionId, method: 'GET', path: '/x' });

describe('a call of a service', () => {
  it.each(['127.0.0.1', '10.1.2.3', '192.168.1.1', '169.254.169.254', '0.0.0.0', '168.63.129.16', '100.64.0.1'])(
    '52. whose name has a wildcard record for %s is refused',
    async (address) => {
      const broker = resolving([]);
      const connectionId = await connect('custom.shop', 'bearer', {
        shop: 'tea',
        region: 'eu',
        token: 'a-token-of-the-shop',
      });
      for (const answers of [[address], ['8.8.8.8', address]]) {
        dns.answers = answers;
        const asked = dns.questions.length;
        await expect(call(broker, connectionId)).rejects.toMatchObject({ code: 'egress_refused' });
        expect(dns.questions.slice(asked)).toContain('tea.shop.example');
      }
      await broker.egress.close();
    },
  );

  it.each(['2130706433', '0x7f.1', '017700000001', '１２７.０.０.１', '[::ffff:127.0.0.1]', '127.1'])(
    '52. can not be pointed at %s by an input',
    async (host) => {
      const fields = { shop: host, region: 'eu', token: 'a-token-of-the-shop' };
      await expect(connect('custom.shop', 'bearer', fields)).rejects.toMatchObject({ code: 'invalid_input' });
    },
  );

  it('without https, by a private name, is made where the operator allows that host, and else refused when it is connected', async () => {
    dns.answers = ['127.0.0.1'];
    const fields = { baseUrl: `http://nas.corp.example:${api.port}/v1`, token: 'a-token-of-the-nas' };
    const allowed = resolving([`nas.corp.example:${api.port}`]);
    const connectionId = await connect('generic-http', 'bearer', fields, allowed);
    expect(await call(allowed, connectionId)).toMatchObject({ status: 200 });
    const [field, setting] = ['baseUrl', `KEYWARD_EGRESS_ALLOW=nas.corp.example:${api.port}`];
    await expect(connect('generic-http', 'bearer', fields, resolving([]))).rejects.toMatchObject({
      code: 'invalid_input',
      details: { fields: { [field]: expect.stringContaining(setting) } },
    });
    // What the operator does not allow any more is not called, whatever is stored; nor is a public address without https.
    await expect(call(resolving([]), connectionId)).rejects.toMatchObject({ code: 'egress_refused' });
    dns.answers = ['8.8.8.8'];
    await expect(call(resolving([`nas.corp.example:${api.port}`]), connectionId)).rejects.toMatchObject({
      code: 'egress_refused',
    });
    await allowed.egress.close();
  });

  it('53. whose name flips to another address goes to the one that was checked, or nowhere', async () => {
    const allow = [`localhost:${api.port}`];
    const connectionId = await connect(acme, 'api_key', { apiKey: 'acme_0123456789abcdef' });
    dns.answers = ['127.0.0.1'];
    const before = resolving(allow);
    const asked = dns.questions.length;
    expect(await call(before, connectionId)).toMatchObject({ status: 200 });
    expect(dns.questions.length).toBe(asked + 1);
    // The connection that is open was checked; a new one is looked at anew.
    dns.answers = ['169.254.169.254'];
    expect(await call(before, connectionId)).toMatchObject({ status: 200 });
    const after = resolving(allow);
    const seen = api.seen.length;
    await expect(call(after, connectionId)).rejects.toMatchObject({ code: 'egress_refused' });
    expect(api.seen.length).toBe(seen);
    await Promise.all([before.egress.close(), after.egress.close()]);
  });
});
