/** URL elicitation over HTTP: the built program, an issuer that signs people in, and real clients that show links. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clickThrough } from '../../../support/clients/click-through.ts';
import type { LinkAnswer } from '../../../support/clients/mcp-clients.ts';
import { isApproval } from '../../../support/clients/person.ts';
import { createBrowser, linkOut, type Shown } from '../../../support/clients/session.ts';
import { type Deployment, startDeployment } from '../../../support/servers/deployment.ts';
import { connectorId, goodApiKey } from '../../../support/world.ts';

const scopes = ['read', 'write', 'use', 'release'].map((name) => `credentials:${name}`);
const apiKey = { connectorId, authenticationType: 'api_key' };
const oauth = { connectorId, authenticationType: 'oauth2' };

let team: Deployment;
beforeAll(async () => {
  team = await startDeployment();
});
afterAll(() => team.close());

/** Opens the link in a browser of its own and signs in at the issuer as this person. */
async function openAs(login: string, link: string) {
  const browser = createBrowser();
  const page = await browser.open(link);
  expect(page.heading).toBe('Sign in to Keyward');
  const away = await browser.open(linkOut(page), 0);
  const shown = await browser.open(await clickThrough(away.headers.get('location') ?? '', { login }));
  return { browser, shown };
}

/** A 2026-07-28 client of this person, who does this with every link. */
async function clientOf(login: string, onLink: (url: string) => Promise<LinkAnswer>) {
  const links: string[] = [];
  const client = await team.keyward.client('modern', await team.issuer.tokenFor(login, scopes), {
    onLink: ({ url }) => {
      links.push(url);
      return onLink(url);
    },
  });
  return { client, links };
}

const refusal = ({ status, text }: Shown) => [status, text.includes('Acme')];

describe('a 2026-07-28 client that shows links', () => {
  it('21. gets the connection in the very call, once the person who asked, and nobody else, has finished', async () => {
    const { client, links } = await clientOf('ann', async (url) => {
      expect(refusal((await openAs('bob', url)).shown)).toEqual([403, false]);
      const { browser, shown } = await openAs('ann', url);
      const done = await browser.open(await clickThrough(linkOut(shown), { login: 'ann' }));
      expect(done.heading).toBe('Acme is connected');
      return 'accept';
    });
    const made = await client.get('create_credential', oauth);
    expect(made).toMatchObject({ credentialId: expect.any(String), account: expect.stringContaining('@example.com') });
    expect(links).toHaveLength(1);
    const { credentials } = await client.get('list_credentials');
    expect(credentials).toMatchObject([{ credentialId: made.credentialId, access: 'owner', status: 'active' }]);
    await client.close();
  });

  it('is not handed what was typed behind such a link without the owner’s approval, whatever its token may do', async () => {
    const { client, links } = await clientOf('carol', async (url) => {
      if (isApproval(url)) return 'decline';
      const { browser, shown } = await openAs('carol', url);
      expect((await browser.submit(shown, 'inputs', { apiKey: goodApiKey })).heading).toBe('Acme is connected');
      return 'accept';
    });
    const { credentialId } = await client.get('create_credential', apiKey);
    const read = { connectionId: credentialId };
    expect((await client.call('get_connection_credentials', read)).error?.code).toBe('approval_denied');
    expect(links.map(isApproval)).toEqual([false, true]);
    const called = await client.get('call_api', { ...read, method: 'GET', path: '/me' });
    expect(called).toMatchObject({ status: 200 });
    // What the program sent itself it may read again.
    const own = await client.get('create_credential', { ...apiKey, apiKey: goodApiKey });
    const released = await client.get('get_connection_credentials', { connectionId: own.credentialId });
    expect(released.credentials).toEqual({ apiKey: goodApiKey });
    await client.close();
  });

  it('leaves nothing behind when its person declines', async () => {
    const { client } = await clientOf('dave', async () => 'decline');
    expect((await client.call('create_credential', apiKey)).error?.code).toBe('cancelled');
    expect(await client.get('list_credentials')).toEqual({ credentials: [] });
    await client.close();
  });
});

it.each(['legacy', 'sdk1'] as const)(
  'a %s client can’t be asked within a call: it gets the link at once, even if it shows links',
  async (kind) => {
    const token = await team.issuer.tokenFor(`erin-${kind}`, scopes);
    const client = await team.keyward.client(kind, token, {
      onLink: () => Promise.reject(new Error('Nothing may be asked.')),
    });
    const { connectUrl } = await client.get('create_credential', apiKey);
    const { browser, shown } = await openAs(`erin-${kind}`, String(connectUrl));
    expect((await browser.submit(shown, 'inputs', { apiKey: goodApiKey })).heading).toBe('Acme is connected');
    expect((await client.get('list_credentials')).credentials).toHaveLength(1);
    await client.close();
  },
);
