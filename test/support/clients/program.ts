/** A program that registers itself, and its person with a browser: one request a step, so that a test can disturb each. */
import { createHash, randomBytes } from 'node:crypto';
import { usualScopes } from '../../../src/principal.ts';
import { type Browser, createBrowser, type Shown } from './session.ts';

/** From the link of the program to its tokens. */
export const signInSteps = ['authorize', 'sign-in', 'consent', 'code', 'token'] as const;
export type SignInStep = (typeof signInSteps)[number];

export type Tokens = { readonly clientId: string; readonly access: string; readonly refresh: string };

/** How each request is sent; default: as it is. */
type Around = <T>(step: SignInStep, send: () => Promise<T>) => Promise<T>;

/** Keyward told the program or its person to start again; the message is what it told them. */
export class StartAgain extends Error {}

const redirectUri = 'http://127.0.0.1:9/callback';

/** Each request comes from another address, so that no limit of addresses is met. */
function fromAnywhere(): Record<string, string> {
  const [a, b, c] = randomBytes(3);
  return { 'x-forwarded-for': `198.${a}.${b}.${c}` };
}

export function openBrowser(): Browser {
  return createBrowser(fromAnywhere);
}

/** Registers a program; answers its id. */
export async function registerProgram(origin: string): Promise<string> {
  const response = await fetch(`${origin}/oauth/register`, {
    method: 'POST',
    body: JSON.stringify({ client_name: 'Test program', redirect_uris: [redirectUri] }),
    headers: { 'content-type': 'application/json', ...fromAnywhere() },
  });
  return ((await response.json()) as { client_id: string }).client_id;
}

/**
 * Goes all the way. The person signs in where the page asks them to.
 *
 * @param newCode a sign-in code of the person
 * @throws StartAgain where Keyward says so, at whatever step
 */
export async function signInProgram(
  origin: string,
  clientId: string,
  browser: Browser,
  newCode: () => Promise<string>,
  around: Around = (_, send) => send(),
): Promise<Tokens> {
  const verifier = randomBytes(32).toString('base64url');
  const parameters = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource: `${origin}/mcp`,
    scope: usualScopes.join(' '),
    state: 'state',
  });
  let page = await around('authorize', () => browser.open(`${origin}/oauth/authorize?${parameters}`));
  while (page.text.includes('name="code"')) {
    const fields = { csrf: hidden(page, 'csrf'), to: hidden(page, 'to'), code: await newCode() };
    page = await around('sign-in', () => browser.send(`${origin}/sign-in`, fields));
  }
  const answer = { csrf: hidden(page, 'csrf'), answer: 'yes', which: 'all', days: '30' };
  const asked = page;
  const leaving = await around('consent', () => browser.send(asked.url, answer));
  const [, goTo] = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(leaving.text) ?? [];
  if (goTo === undefined) throw new StartAgain(leaving.heading);
  const back = await around('code', () => browser.open(goTo.replaceAll('&amp;', '&'), 0));
  const location = back.headers.get('location');
  if (location === null) throw new StartAgain(back.heading);
  const code = new URL(location).searchParams.get('code') ?? '';
  const form = { grant_type: 'authorization_code', client_id: clientId, code, redirect_uri: redirectUri };
  return around('token', () => askTokens(origin, { ...form, code_verifier: verifier }));
}

/**
 * The next pair of tokens.
 *
 * @throws StartAgain for a token that is not good, or not any more
 */
export function refreshTokens(origin: string, { clientId, refresh }: Tokens): Promise<Tokens> {
  return askTokens(origin, { grant_type: 'refresh_token', client_id: clientId, refresh_token: refresh });
}

async function askTokens(origin: string, form: Readonly<Record<string, string>>): Promise<Tokens> {
  const sent = { method: 'POST', body: new URLSearchParams(form), headers: fromAnywhere() };
  const response = await fetch(`${origin}/oauth/token`, sent);
  const said = (await response.json()) as Readonly<Record<string, string>>;
  if (said.error === 'invalid_grant') throw new StartAgain(said.error);
  const { access_token: access, refresh_token: refresh } = said;
  if (access === undefined || refresh === undefined) throw new Error(`No tokens: ${response.status} ${said.error}`);
  return { clientId: form.client_id ?? '', access, refresh };
}

function hidden({ text }: Shown, name: string): string {
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1]?.replaceAll('&amp;', '&') ?? '';
}
