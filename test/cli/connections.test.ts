/** The commands about connections, as the built program in real processes and in a real terminal. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dialogue, runInTerminal, runKeyward } from '../support/clients/command.ts';
import { freePort, keywardMain } from '../support/clients/mcp-clients.ts';
import { followLink } from '../support/clients/person.ts';
import { servedTool, startMcpToolsServer } from '../support/servers/mcp-tools-server.ts';
import { connectionsOn } from '../support/vault/on-vault.ts';
import { goodApiKey, startWorld, type World } from '../support/world.ts';

let world: World;
let home: string;
let env: Record<string, string>;
beforeAll(async () => {
  world = await startWorld();
  home = await mkdtemp(join(tmpdir(), 'keyward-commands-'));
  env = {
    ...world.env,
    KEYWARD_HOME: home,
    KEYWARD_KEY: 'ab'.repeat(32),
    KEYWARD_PORT: String(await freePort()),
    KEYWARD_RELEASE: 'approve',
  };
});
afterAll(async () => {
  await world.close();
  await rm(home, { recursive: true, force: true });
});

const keyward = (...args: string[]) => runKeyward(args, env);
const typing = (args: string[], dialogue: Dialogue) => runInTerminal(args, env, dialogue);
const json = async (...args: string[]) => JSON.parse((await keyward(...args, '--json')).stdout);

describe('keyward connect', () => {
  it('without a terminal asks for a way that it can not guess, and makes nothing', async () => {
    const { code, stderr } = await keyward('connect', 'acme');
    expect(code).toBe(1);
    expect(stderr).toContain('Add --type with one of oauth2, oauth2_client_credentials, api_key, basic.');
    expect(await connectionsOn(env)).toEqual([]);
  });

  it('names services that are like what was typed', async () => {
    expect((await keyward('connect', 'githb')).stderr).toMatch(/^There is no service githb\.\nDid you mean github/);
  });

  it('takes a key at the terminal unseen, refuses a wrong one, and says whose account it is', async () => {
    const args = ['connect', 'Acme', '--type', 'api_key', '--no-browser', '--name', 'Acme key'];
    const wrong = `${goodApiKey.slice(0, -4)}zzzz`;
    const refused = await typing(args, [[/API key: /, wrong]]);
    expect(refused).toMatchObject({ code: 1, screen: expect.stringContaining('was not taken by Acme') });
    const taken = await typing(args, [[/API key: /, goodApiKey]]);
    expect(taken.screen).toMatch(/Connected Acme as \S+@\S+\. The connection is called Acme key/);
    expect(taken.code).toBe(0);
    expect(refused.screen + taken.screen).not.toMatch(new RegExp(`${wrong}|${goodApiKey}`));
    expect(await connectionsOn(env)).toMatchObject([{ name: 'Acme key', status: 'active' }]);
  });

  it('takes no secret as an option', async () => {
    const args = ['connect', 'acme', '--type', 'api_key', '--input', `apiKey=${goodApiKey}`];
    const { code, stderr } = await keyward(...args);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('A secret is no option') });
  });

  it('waits for the person who signs in on the page, and connects the same one again', async () => {
    const links: Promise<unknown>[] = [];
    const follow = (text: string) => {
      const link = /open,? .*(http:\/\/\S+)/i.exec(text)?.[1];
      if (link !== undefined) links.push(followLink(link));
    };
    const first = await runKeyward(['connect', 'acme', '--type', 'oauth2', '--json'], env, { onStderr: follow });
    const { credentialId, account } = JSON.parse(first.stdout);
    expect(account).toBeTypeOf('string');
    const scopes = ['--scopes', 'openid offline_access email'];
    const again = await runKeyward(['connect', '--reconnect', credentialId, ...scopes, '--json'], env, {
      onStderr: follow,
    });
    expect(JSON.parse(again.stdout)).toMatchObject({ credentialId });
    expect(await json('show', credentialId)).toMatchObject({ scopes: ['openid', 'offline_access', 'email'] });
    expect(await Promise.all(links)).toMatchObject([{ step: 'completed' }, { step: 'completed' }]);
    expect((await json('list', '--connector', 'custom.acme')).credentials).toHaveLength(2);
  });
});

describe('a connection is named', () => {
  it('by its id, its name or its connector, and where that is more than one, the ids are told', async () => {
    const [one, two] = (await json('list')).credentials;
    expect(await json('show', one.credentialId.toUpperCase())).toMatchObject({ credentialId: one.credentialId });
    expect(await json('show', 'ACME KEY')).toMatchObject({ credentialId: one.credentialId });
    const { code, stderr } = await keyward('show', 'custom.acme');
    expect(code).toBe(1);
    expect(stderr).toContain('2 connections are called custom.acme.');
    for (const id of [one.credentialId, two.credentialId]) expect(stderr).toContain(id);
  });

  it('by a word that fits the name of one and the connector of another: neither is guessed', async () => {
    const [one] = await connectionsOn(env);
    await keyward('rename', `${one?.credentialId}`, 'custom.acme');
    expect((await keyward('show', 'custom.acme')).stderr).toContain('2 connections are called custom.acme.');
    await keyward('rename', `${one?.credentialId}`, 'Acme key');
  });

  it('by a word that fits none: the nearest name is told', async () => {
    expect((await keyward('show', 'Acme ky')).stderr).toMatch(
      /^There is no connection Acme ky\. Did you mean Acme key\?/,
    );
  });
});

describe('a person', () => {
  it('lists, shows and verifies', async () => {
    const list = await keyward('list');
    expect(list.stdout).toMatch(/^name +connector +account +state +id\nAcme key +custom\.acme/);
    expect(list.stderr).toMatch(/^2 connections of yours on this computer/);
    expect((await keyward('show', 'Acme key')).stdout).toMatch(/\naccess +owner\n/);
    const { code, stdout } = await keyward('verify', '--all');
    expect(stdout.match(/ active /g)).toHaveLength(2);
    expect(code).toBe(0);
    expect((await keyward('list', '--user', 'ann')).stderr).toBe('0 connections of ann, tenant default.\n');
  });

  it('ends as any program in a pipeline when nobody reads any more', async () => {
    const child = spawn(process.execPath, [keywardMain, 'list'], { env: { PATH: process.env.PATH, ...env } });
    child.stdout.destroy();
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect(said).not.toMatch(/EPIPE|failed/);
    expect(code).toBe(141);
  });

  it('calls the service: the answer is on stdout as it came, and its status in the exit code', async () => {
    const good = await keyward('call', 'Acme key', '/me');
    expect({ ...good, stdout: JSON.parse(good.stdout) }).toMatchObject({ code: 0, stderr: '', stdout: { user: {} } });
    const sent = await runKeyward(['call', 'Acme key', 'post', '/echo', '-d', '-', '-H', 'X-Note: a b', '-i'], env, {
      input: '{"n":12345678901234567890}',
    });
    expect(sent.stdout).toMatch(/^HTTP \d{3}\n[\s\S]*content-type: /);
    const missing = await keyward('call', 'Acme key', '/nowhere');
    expect(missing).toMatchObject({ code: 1, stderr: 'Acme answered with status 404.\n' });
    expect(good.stdout + sent.stdout).not.toContain(goodApiKey);
  });

  it('370. asks at the terminal before a call that the rules name, and sends nothing without a yes', async () => {
    const limited = await keyward('limit', 'Acme key', '--ask-calls', 'DELETE /echo', '--ask-calls', 'PUT,PATCH');
    expect(limited.stdout).toMatch(/Asked first: DELETE on \/echo; PUT, PATCH on every path\.\n$/);
    const alone = await keyward('call', 'Acme key', 'delete', '/echo');
    expect(alone).toMatchObject({ code: 1, stdout: '' });
    expect(alone.stderr).toMatch(/wants to be asked before this is called/);
    const yes = await typing(['call', 'Acme key', 'delete', '/echo'], [[/y: Allow this call once.*leaves it: /s, 'y']]);
    // The service has no such path.
    expect(yes.screen).toMatch(/Acme answered with status 4\d\d\./);
    expect(await keyward('limit', 'Acme key', '--preset', 'askBeforeWriting')).toMatchObject({
      stdout: expect.stringContaining('Asked first: every method but GET, HEAD on every path.'),
    });
    expect((await keyward('limit', 'Acme key', '--preset', 'none')).stderr).toContain('preset must be readOnly or');
    const lifted = await typing(['limit', 'Acme key', '--everything'], [[/y: Allow these calls.*leaves it: /s, 'y']]);
    expect(lifted.code).toBe(0);
  });

  it('renames and limits it; a narrower limit is set at once, a wider one only with a yes at the terminal', async () => {
    await keyward('rename', 'Acme key', 'Home');
    const narrow = await keyward('limit', 'Home', '--methods', 'GET', '--paths', '/me');
    expect(narrow).toMatchObject({ code: 0, stderr: '' });
    expect(await keyward('call', 'Home', '/other')).toMatchObject({ code: 1, stdout: '' });
    const alone = await keyward('limit', 'Home', '--everything');
    expect(alone).toMatchObject({ code: 1, stdout: '' });
    expect(alone.stderr).toMatch(/^Allowing more calls needs the owner’s approval/);
    expect((await json('limit', 'Home')).policy).toEqual({ methods: ['GET'], paths: ['/me'] });
    const no = await typing(['limit', 'Home', '--methods', 'GET'], [[/n: Don’t allow, Enter leaves it: /, 'n']]);
    expect(no.code).toBe(1);
    expect((await json('limit', 'Home')).policy).toEqual({ methods: ['GET'], paths: ['/me'] });
  });

  it('227. shows what an MCP server has and what changed there, and takes it as seen with a yes at the terminal only', async () => {
    const key = `key_${randomBytes(18).toString('base64url')}`;
    const remote = await startMcpToolsServer(key);
    const reaching = { ...env, KEYWARD_EGRESS_ALLOW: `${env.KEYWARD_EGRESS_ALLOW ?? ''},${new URL(remote.url).host}` };
    const own = (...args: string[]) => runKeyward(args, reaching);
    try {
      const input = ['--type', 'bearer', '--input', `serverUrl=${remote.url}`, '--name', 'Toolbox', '--no-browser'];
      const dialogue: Dialogue = [
        [/token: /i, key],
        [/y: .*leaves it: /s, 'y'],
      ];
      const made = await runInTerminal(['connect', 'mcp-server', ...input], reaching, dialogue);
      expect(made.screen).toContain('Toolbox');
      const rules = ['--tools', 'read,get_*', '--ask', 'write', '--refuse', 'drop'];
      expect((await own('limit', 'Toolbox', ...rules)).stdout).toBe(
        'Allowed: read, get_*. Asked first: write. Refused: drop. A tool or prompt that is new or changed at the server is refused until its owner saw it.\n',
      );
      remote.served.tools = [servedTool('read', 'Reads.\nAnd \u202emore.'), servedTool('p\u0430y')];
      const shown = await own('tools', 'Toolbox');
      expect(shown).toMatchObject({ code: 0, stderr: '' });
      expect(shown.stdout).toMatch(/^read +tool +changed, refused/m);
      expect(shown.stdout).toMatch(/^p‹U\+0430›y +tool +new, refused/m);
      expect(shown.stdout).toContain('- description: What read does.\n+ description: Reads.\n+ And ‹U+202E›more.\n');
      expect((await own('list')).stdout).toMatch(/Toolbox .*has tools to look at/);
      expect(await own('tools', 'Toolbox', '--accept', 'read')).toMatchObject({ code: 1, stdout: '' });
      const asked: Dialogue = [[/y: .*leaves it: /s, 'y']];
      const yes = await runInTerminal(['tools', 'Toolbox', '--accept', 'read'], reaching, asked);
      expect(yes.screen).toContain('Accepted: read.');
      expect((await own('tools', 'Toolbox')).stdout).toMatch(/^read +tool +allowed/m);
    } finally {
      await remote.close();
      // Its rules ask first, so its end does, too.
      await runInTerminal(['rm', 'Toolbox', '--yes'], reaching, [[/y: Delete this connection.*leaves it: /s, 'y']]);
    }
  });

  it('deletes it after a yes, and is told what is left to do at the service', async () => {
    expect(await keyward('rm', 'Home')).toMatchObject({ code: 1, stdout: '' });
    expect(await typing(['rm', 'Home'], [[/\[y\/N\] /, '']])).toMatchObject({ code: 1 });
    expect(await connectionsOn(env)).toHaveLength(2);
    const gone = await typing(['rm', 'Home'], [[/\[y\/N\] /, 'y']]);
    expect(gone.screen).toContain('What was entered still works at the service.');
    expect(await keyward('rm', 'custom.acme', '--yes')).toMatchObject({
      code: 0,
      stdout: 'Deleted, and the service ended its access.\n',
    });
    expect(await connectionsOn(env)).toEqual([]);
  });
});

describe('keyward client-metadata', () => {
  it('257. prints the document for an address, and says what differs there; with an https address there is nothing to put anywhere', async () => {
    const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
      keyType: 'ec',
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
    });
    let there = '{}';
    const web = createTlsServer({ cert, key }, (_request, response) => void response.end(there));
    await new Promise<void>((resolve) => web.listen(0, 'localhost', resolve));
    const host = `localhost:${(web.address() as AddressInfo).port}`;
    const url = `https://${host}/keyward.json`;
    const ca = join(home, 'ca.pem');
    await writeFile(ca, cert);
    const allow = `${env.KEYWARD_EGRESS_ALLOW},${host}`;
    const at = { ...env, NODE_EXTRA_CA_CERTS: ca, KEYWARD_EGRESS_ALLOW: allow, KEYWARD_CLIENT_METADATA_URL: url };

    expect((await keyward('client-metadata')).stderr).toContain('Give --url');
    expect((await keyward('client-metadata', '--url', 'http://a.example/x')).stderr).toContain(
      '--url must be an https URL',
    );
    const printed = await keyward('client-metadata', '--url', url, '--key');
    expect(JSON.parse(printed.stdout)).toMatchObject({
      client_id: url,
      redirect_uris: [`http://127.0.0.1:${env.KEYWARD_PORT}/oauth/callback/client`],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ kty: 'EC', crv: 'P-256' }] },
    });
    there = JSON.stringify({ ...JSON.parse(printed.stdout), redirect_uris: ['http://127.0.0.1:1/x'] });
    const wrong = await runKeyward(['client-metadata', '--check'], at);
    expect(wrong).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/says something else for redirect_uris, .*client/),
    });
    // White space and order mean nothing.
    there = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(printed.stdout)).reverse()), null, 4);
    expect(await runKeyward(['client-metadata', '--check'], at)).toMatchObject({
      code: 0,
      stdout: `The document at ${url} is right.\n`,
    });
    const own = await runKeyward(['client-metadata'], { ...at, KEYWARD_PUBLIC_URL: 'https://keyward.example' });
    expect(own.stdout).toContain(
      'serves its own documents, one for each server, below https://keyward.example/oauth/client/',
    );
    web.close();
  });
});
