/** Asking the owner over stdio, with real clients of both SDK lines: what the client shows, and what the model sees. */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  clientKinds,
  type KeywardProcess,
  keywardMain,
  type Outcome,
  outcomeOf,
  startKeyward,
  type TestClient,
  testKey,
} from '../support/clients/mcp-clients.ts';
import { answerRequest, isApproval } from '../support/clients/person.ts';
import { rawModern } from '../support/clients/raw-mcp.ts';
import { type Act, shareKeyward } from '../support/clients/shared-keyward.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../support/world.ts';

let world: World;
let folder: string;
/** Options of a Keyward that asks its owner before it releases a secret, as it does unless told otherwise. */
let asking: Record<string, string>;
let browser: Awaited<ReturnType<typeof desktop>>;
beforeAll(async () => {
  world = await startWorld();
  folder = await mkdtemp(join(tmpdir(), 'keyward-approval-'));
  const github = { KEYWARD_AUTH_GITHUB_CLIENT_ID: 'Iv1.abc', KEYWARD_AUTH_GITHUB_CLIENT_SECRET: 'canary-secret' };
  asking = { ...world.env, ...github, KEYWARD_RELEASE: 'approve' };
  browser = await desktop();
});
beforeEach(() => browser.forget());
afterAll(async () => {
  await world.close();
  await rm(folder, { recursive: true, force: true });
});
const withDialog = shareKeyward('links', () => browser.env);
const withBrowser = shareKeyward('no links', () => browser.env);
const withNeither = shareKeyward('no links', () => asking);

async function connect(client: TestClient): Promise<{ connectionId: unknown }> {
  const input = { connectorId, authenticationType: 'api_key', apiKey: goodApiKey };
  return { connectionId: (await client.get('create_credential', input)).credentialId };
}

/** A desktop whose browser is a program that writes the address down. */
async function desktop() {
  const bin = await mkdtemp(join(folder, 'desktop-'));
  const file = join(bin, 'opened');
  await writeFile(join(bin, 'xdg-open'), `#!/bin/sh\nenv > '${file}.env'\necho "$1" >> '${file}'\n`);
  await chmod(join(bin, 'xdg-open'), 0o755);
  const opened = async () => (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const inherited = () => readFile(`${file}.env`, 'utf8');
  const forget = () => rm(file, { force: true });
  return { env: { ...asking, PATH: `${bin}:${process.env.PATH}`, DISPLAY: ':0' }, opened, inherited, forget };
}

async function firstOpened(): Promise<string> {
  await expect.poll(async () => (await browser.opened()).length, { timeout: 10_000, interval: 50 }).toBe(1);
  return (await browser.opened())[0] ?? '';
}

/** What a model could read, or somebody who reads the logs. */
function leaks(keyward: KeywardProcess, outcomes: unknown, url: string): string[] {
  const token = url.split('/').at(-1) ?? '';
  expect(token).toHaveLength(43);
  const seen = { outcomes: JSON.stringify(outcomes), stderr: keyward.stderr() };
  return Object.entries(seen).flatMap(([where, text]) =>
    text.includes(token) || text.includes('/approvals/') ? [where] : [],
  );
}

describe.each(clientKinds)('a %s client that takes links by URL elicitation', (kind) => {
  const withPerson = (act: Act) => withDialog(kind, act);

  it('gets the secret in the very call once the owner has allowed it, and the link never reaches the model', async () => {
    const { keyward, client, links } = await withPerson(async (url) => {
      expect(await answerRequest(url, 'once')).toMatchObject({ step: 'approved' });
      return 'accept';
    });
    const connection = await connect(client);
    const outcome = await client.call('get_connection_credentials', connection);
    expect(outcome.data?.credentials).toEqual({ apiKey: goodApiKey });
    expect(links).toHaveLength(1);
    expect(leaks(keyward, outcome, links[0]?.url ?? '')).toEqual([]);
    // Once is once: the next call asks anew.
    await client.get('get_connection_credentials', connection);
    expect(links).toHaveLength(2);
  });

  it('80. connects to a host that the call names in the very call, once the owner has let it', async () => {
    const { client, links } = await withPerson(async (url) => {
      await answerRequest(url, 'once');
      return 'accept';
    });
    const input = { connectorId: 'generic-http', authenticationType: 'bearer', token: 'whatever' };
    const made = await client.get('create_credential', { ...input, baseUrl: 'https://api.example/v1' });
    expect(made.credentialId).toMatch(/^[0-9a-f-]{36}$/);
    expect(links).toHaveLength(1);
  });

  it('80. shows the link for connecting after the one for the host: the answer to the first is none to the second', async () => {
    const { client, links } = await withPerson(async (url) => {
      if (!isApproval(url)) return 'decline';
      await answerRequest(url, 'once');
      return 'accept';
    });
    const { issuer } = world.server;
    const input = { connectorId: 'generic-openid', authenticationType: 'oauth2', issuer, baseUrl: `${issuer}/v1` };
    expect((await client.call('create_credential', input)).error?.code).toBe('cancelled');
    expect(links.map(({ url }) => isApproval(url))).toEqual([true, false]);
  });

  it('waits for an owner who answers after agreeing to open the link', async () => {
    const late: Promise<unknown>[] = [];
    const { client } = await withPerson(async (url) => {
      late.push(answerRequest(url, 'once'));
      return 'accept';
    });
    const { credentials } = await client.get('get_connection_credentials', await connect(client));
    expect(credentials).toEqual({ apiKey: goodApiKey });
    await Promise.all(late);
  });

  it.each(['decline', 'cancel'] as const)(
    'is told no when the person answers %s, and asks nobody again',
    async (said) => {
      const { client, links } = await withPerson(async () => said);
      const connection = await connect(client);
      for (let round = 0; round < 3; round += 1) {
        const { error } = await client.call('get_connection_credentials', connection);
        expect(error?.code).toBe('approval_denied');
      }
      expect(links).toHaveLength(1);
    },
  );

  // Three noes without a yes between them would keep the client quiet, whatever it asks.
  it('may stop waiting; asking again shows no second link and finds the answer', async () => {
    const { client, links } = await withPerson(async () => 'accept');
    const connection = await connect(client);
    const stop = new AbortController();
    const first = client.call('get_connection_credentials', connection, {
      signal: stop.signal,
      onprogress: ({ total }) => {
        // The 2.x client reports rounds of its own, without a total.
        if (total !== undefined) stop.abort();
      },
    });
    await expect(first).rejects.toThrow();
    const second = client.get('get_connection_credentials', connection);
    await answerRequest(links[0]?.url ?? '', 'once');
    expect((await second).credentials).toEqual({ apiKey: goodApiKey });
    expect(links).toHaveLength(1);
  });

  it('is told no when the owner says so on the page', async () => {
    const { client } = await withPerson(async (url) => {
      await answerRequest(url, 'deny');
      return 'accept';
    });
    const { error } = await client.call('get_connection_credentials', await connect(client));
    expect(error?.code).toBe('approval_denied');
  });
});

describe.each(clientKinds)('a %s client that declares no URL elicitation', (kind) => {
  it('gets the secret in the very call when Keyward opens the owner’s browser and the owner allows it', async () => {
    const { keyward, client } = await withBrowser(kind);
    const call = client.call('get_connection_credentials', await connect(client));
    const url = await firstOpened();
    const { port } = new URL(url);
    expect(Number(port)).not.toBe(keyward.port);
    await answerRequest(url, 'once');
    const outcome = await call;
    expect(outcome.data?.credentials).toEqual({ apiKey: goodApiKey });
    expect(leaks(keyward, outcome, url)).toEqual([]);
  });

  it('opens one window for many calls at the same time', async () => {
    const { client } = await withBrowser(kind);
    const connection = await connect(client);
    const calls: Promise<Outcome>[] = [];
    const waits = Array.from(
      { length: 5 },
      () =>
        new Promise<void>((resolve) => {
          // The 2.x client reports rounds of its own, without a total.
          const onprogress = ({ total }: { total?: number | undefined }) => void (total !== undefined && resolve());
          calls.push(client.call('get_connection_credentials', connection, { onprogress }));
        }),
    );
    await Promise.all(waits);
    await answerRequest(await firstOpened(), 'once');
    // All of them waited for the one answer; the others may ask again.
    const settled = await Promise.all(calls);
    expect(settled.filter(({ data }) => data !== undefined)).toHaveLength(1);
    for (const { error } of settled) expect(error?.code ?? 'approval_required').toBe('approval_required');
    expect(await browser.opened()).toHaveLength(1);
  });

  it('is told at once, where there is no browser, that the owner was asked, without any link', async () => {
    const { client } = await withNeither(kind);
    const { error } = await client.call('get_connection_credentials', await connect(client));
    expect(error).toMatchObject({ code: 'approval_required', hint: expect.stringContaining('keyward approvals') });
    expect(JSON.stringify(error)).not.toMatch(/http|\/approvals\/|[0-9a-f-]{36}/);
  });

  it('has to ask its owner before it shares a connection, too', async () => {
    const { client } = await withBrowser(kind);
    const input = { ...(await connect(client)), with: 'user:bob', permission: 'use' };
    const call = client.call('share_connection', input);
    await answerRequest(await firstOpened(), 'once');
    expect((await call).data?.shares).toMatchObject([{ with: 'user:bob', permission: 'use' }]);
    // Taking it back needs nobody.
    expect((await client.get('share_connection', { ...input, permission: 'none' })).shares).toEqual([]);
    expect(await browser.opened()).toHaveLength(1);
  });
});

describe.each(['legacy', 'sdk1'] as const)('a %s client whose link dialog fails', (kind) => {
  it('leaves it to Keyward to open the owner’s browser', async () => {
    const { client } = await withDialog(kind, async () => {
      throw new Error('no dialog here');
    });
    const call = client.call('get_connection_credentials', await connect(client));
    await answerRequest(await firstOpened(), 'once');
    expect((await call).data?.credentials).toEqual({ apiKey: goodApiKey });
  });
});

describe('the browser that Keyward opens', () => {
  it('inherits none of the secrets in its environment', async () => {
    const { client } = await withBrowser('modern');
    const call = client.call('get_connection_credentials', await connect(client));
    await answerRequest(await firstOpened(), 'once');
    expect((await call).data?.credentials).toEqual({ apiKey: goodApiKey });
    const variables = await browser.inherited();
    expect(variables).toContain('KEYWARD_RELEASE=approve');
    for (const secret of [testKey, 'canary-secret', 'Iv1.abc']) expect(variables).not.toContain(secret);
  });
});

describe('the approval link, fetched by an assistant', () => {
  it('opens nothing without its token, and looking at it decides nothing', async () => {
    const { client } = await withBrowser('modern');
    const connection = await connect(client);
    const call = client.call('get_connection_credentials', connection);
    const url = await firstOpened();
    const [, , id = '', token = ''] = new URL(url).pathname.split('/');
    const { origin } = new URL(url);
    for (const path of ['/approvals', `/approvals/${id}`, `/approvals/${id}/x`, `/approvals/${id}/${'A'.repeat(43)}`]) {
      const answer = await fetch(`${origin}${path}`);
      expect(answer.status, path).toBe(404);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    // Even with the whole link: a GET, and a POST that no page of this browser sent, change nothing.
    expect((await fetch(url)).status).toBe(200);
    for (const body of ['answer=once', `answer=once&csrf=${token}`]) {
      const headers = { 'content-type': 'application/x-www-form-urlencoded', origin };
      expect((await fetch(url, { method: 'POST', body, headers })).status).toBe(403);
    }
    await answerRequest(url, 'deny');
    expect((await call).error?.code).toBe('approval_denied');
  });

  it('11. requestState proves nothing: without the owner’s answer it gets no secret', async () => {
    const keyward = await startKeyward({ env: asking });
    const client = await rawModern(keyward.transport, { elicitation: { url: {} } });
    const made = await client.call('create_credential', {
      connectorId,
      authenticationType: 'api_key',
      apiKey: goodApiKey,
    });
    const input = { connectionId: outcomeOf(made.result).data?.credentialId };
    const { result } = await client.call('get_connection_credentials', input);
    expect(result).toMatchObject({ resultType: 'input_required' });
    const state = { requestState: result?.requestState };
    const denied = { ...state, inputResponses: { connect: { action: 'decline' } } };
    const other = { ...denied, requestState: crypto.randomUUID() };
    const controller = client.call('get_connection_credentials', input, denied);
    expect(outcomeOf((await controller).result).error?.code).toBe('approval_denied');
    expect(outcomeOf((await client.call('get_connection_credentials', input, other)).result).error?.code).toBe(
      'approval_denied',
    );
    expect(keyward.stdout.join('\n')).not.toContain(`"apiKey":"${goodApiKey}"`);
    await keyward.stop();
  });
});

describe('keyward approvals', () => {
  it('without a terminal only shows what waits: an assistant must not answer its own requests', async () => {
    const { keyward, client } = await withNeither('modern');
    const connection = await connect(client);
    await client.call('get_connection_credentials', connection);
    const { code, stdout } = await run(keyward, 'y\ny\n');
    expect(code).toBe(0);
    expect(stdout).toContain('“keyward-test” wants to read the raw secret');
    expect(stdout).toContain('Run keyward approvals in a terminal to answer.');
    expect(stdout).not.toMatch(/http|\/approvals\//);
  });
});

async function run({ home }: KeywardProcess, input: string): Promise<{ code: number | null; stdout: string }> {
  const env = { PATH: process.env.PATH, KEYWARD_HOME: home, KEYWARD_KEY: testKey, ...world.env };
  const child = spawn(process.execPath, [keywardMain, 'approvals'], { env });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout };
}
