/** The page that lets a program in, in a real browser: from the link of the program to the program itself. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assistantsOf } from '../../src/broker/authorization/assistants.ts';
import { createCredential } from '../../src/broker/connect/create.ts';
import { createSignInCode } from '../../src/broker/sign-in/code.ts';
import { localPrincipal } from '../../src/principal.ts';
import { launch, look, openTab, type Tab } from '../support/clients/chromium.ts';
import { person } from '../support/principals.ts';
import { type SignInServer, startSignInServer } from '../support/servers/sign-in-server.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../support/world.ts';

let browser: Browser;
let server: SignInServer;
let world: World;
/** Where the program waits for its person. */
const program = createServer((_request, response) => response.end('You are back.'));
let back: string;

const ann = person('default', 'ann');

beforeAll(async () => {
  world = await startWorld();
  [browser, server] = await Promise.all([launch(), startSignInServer(world.env)]);
  await once(program.listen(0, '127.0.0.1'), 'listening');
  back = `http://127.0.0.1:${(program.address() as AddressInfo).port}/callback`;
  const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey };
  for (const name of ['Work account', 'Private account']) {
    await createCredential(server.broker, ann, { ...input, name }, { obtainedBy: 'tool' });
  }
});
afterAll(async () => {
  await browser.close();
  await server.close();
  await world.close();
  program.close();
});

/** A program that registered itself sends its person here. */
async function link(): Promise<string> {
  const registered = await fetch(`${server.origin}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'Claude Code', redirect_uris: [back] }),
  });
  const { client_id } = (await registered.json()) as { client_id: string };
  const parameters = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: back,
    code_challenge: createHash('sha256').update(randomBytes(32).toString('base64url')).digest('base64url'),
    code_challenge_method: 'S256',
    resource: `${server.origin}/mcp`,
    scope: 'credentials:read credentials:write credentials:use credentials:release',
    state: 's',
  });
  return `${server.origin}/oauth/authorize?${parameters}`;
}

async function open(options: Parameters<typeof openTab>[1] = {}): Promise<Tab> {
  const tab = await openTab(browser, options);
  await tab.goto(await link());
  const { code } = await createSignInCode(server.broker, localPrincipal, ann);
  await tab.getByLabel('Sign-in code').fill(code);
  await tab.getByRole('button', { name: 'Sign in with the code' }).click();
  return tab;
}

describe('letting a program in, in Chromium', () => {
  it('asks which connections, how far and for how long, and goes back to the program with a code', async () => {
    const tab = await open();
    const skip = tab.getByRole('link', { name: 'Not now' });
    if (await skip.isVisible()) await skip.click();
    await tab.getByRole('heading', { level: 1, name: 'Let “Claude Code” in?' }).waitFor();
    await look(tab, 'consent-1-asked');
    await tab.getByLabel('Only these:').check();
    await tab.getByRole('button', { name: 'Let it in' }).click();
    await tab.getByRole('alert').waitFor();
    await look(tab, 'consent-2-to-correct');
    await tab.getByLabel('Only these:').check();
    await tab.getByLabel(/Work account/).check();
    await tab.getByLabel(/Reading only/).check();
    await tab.getByRole('button', { name: 'Let it in' }).click();
    await tab.getByText('You are back.').waitFor();
    const answer = new URL(tab.url());
    expect([answer.searchParams.has('code'), answer.searchParams.get('iss')]).toEqual([true, server.origin]);
  });

  it('goes back with a no as easily, without JavaScript too', async () => {
    const tab = await open({ javaScriptEnabled: false });
    await tab.getByRole('button', { name: 'No, keep it out' }).click();
    await tab.getByText('You are back.').waitFor();
    expect(new URL(tab.url()).searchParams.get('error')).toBe('access_denied');
    expect(await assistantsOf(server.broker, ann)).toEqual([]);
  });
});
