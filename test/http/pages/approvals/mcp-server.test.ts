/** The pages about MCP servers: what is sent to one, and what changed at one, are shown whole and as they are. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireYes } from '../../../../src/broker/calls/ask-first.ts';
import { createCredential } from '../../../../src/broker/connect/create.ts';
import { listTools } from '../../../../src/broker/credentials/tools.ts';
import { definitionText } from '../../../../src/broker/mcp-servers/difference.ts';
import { seenBy } from '../../../../src/broker/mcp-servers/seen.ts';
import { beginVisit } from '../../../../src/broker/sign-in/visits.ts';
import { approvalPage } from '../../../../src/http/pages/approvals/pages.ts';
import { visible } from '../../../../src/text.ts';
import { credentialOf } from '../../../support/broker.ts';
import { raw } from '../../../support/clients/raw-http.ts';
import { createBrowser, type Shown } from '../../../support/clients/session.ts';
import { person } from '../../../support/principals.ts';
import { type McpToolsServer, servedTool, startMcpToolsServer } from '../../../support/servers/mcp-tools-server.ts';
import { type SignInServer, startSignInServer } from '../../../support/servers/sign-in-server.ts';

const key = `key_${randomBytes(24).toString('base64url')}`;
const ann = { ...person('acme', 'ann'), client: 'Research agent' };
const bob = person('acme', 'bob');
/** Markup, a character that turns text around, one that nobody sees, and one that a terminal obeys. */
const hostile = '</pre><script>alert(1)</script> \u202eevil\u2066 pa\u200by \u001b[2J & "quoted"';

let remote: McpToolsServer;
let server: SignInServer;
beforeAll(async () => {
  remote = await startMcpToolsServer(key);
  // Where nothing else needs a yes, the owner is still shown what they take as seen.
  server = await startSignInServer({
    KEYWARD_EGRESS_ALLOW: new URL(remote.url).host,
    KEYWARD_RELEASE: 'allow',
  });
});
afterAll(async () => {
  await server.close();
  await remote.close();
});

async function connect(tools = [servedTool('read'), servedTool('write')]): Promise<string> {
  remote.served.tools = tools;
  const input = { connectorId: 'mcp-server', authenticationType: 'bearer', serverUrl: remote.url, token: key };
  const made = await createCredential(server.broker, ann, { ...input, name: 'Tracker' }, { obtainedBy: 'rest' });
  if (made.kind !== 'created') throw new Error('Something was left to ask.');
  return made.credentialId;
}

async function signedIn(who: typeof bob) {
  const browser = createBrowser();
  browser.cookies.set('keyward', await beginVisit(server.broker, who));
  return browser;
}

/** The fields of the form that has this in it. */
function fieldsOf({ text }: Shown, part: string): Record<string, string> {
  const form = text.split('<form ').find((one) => one.includes(part)) ?? '';
  const inputs = (form.split('</form>')[0] ?? '').matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g);
  return Object.fromEntries([...inputs].map(([, name = '', value = '']) => [name, value]));
}

/** Each block of text that is shown as it is, as a person reads it. */
const blocksOf = (text: string) =>
  [...text.matchAll(/<pre class="text" dir="ltr">\n?([\s\S]*?)<\/pre>/g)].map(([, inside = '']) => readable(inside));

function readable(markup: string): string {
  const named = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' } as Record<string, string>;
  return markup.replace(/<\/?span[^>]*>/g, '').replace(/&(?:lt|gt|quot|#39|amp);/g, (one) => named[one] ?? one);
}

/** Any characters there are, those that are none among them. */
const text = fc
  .array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 40 })
  .map((of) => String.fromCodePoint(...of));

/** What no page may hold, whoever wrote what it shows. */
const unseen = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const buttonsOf = ({ text }: Shown) => [...text.matchAll(/<button[^>]*>([^<]*)<\/button>/g)].map(([, name]) => name);
const standing = async (id: string, name: string) =>
  (await seenBy(server.broker, await credentialOf(server.broker, ann, id)))({ kind: 'tool', name });

describe('the page before a tool is used', () => {
  const ask = async (id: string, args: object) =>
    requireYes(server.broker, ann, await credentialOf(server.broker, ann, id), {
      item: { kind: 'tool', name: 'write' },
      message: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'write', arguments: args } },
    });

  it('220. shows exactly the message that is sent, whatever is in it; its button is the act, and a no is as near', async () => {
    const id = await connect();
    const args = { to: hostile, [hostile]: [1, null] };
    await expect(ask(id, args)).rejects.toMatchObject({ code: 'approval_required' });
    const browser = await signedIn(ann);
    const list = await browser.open(`${server.origin}/approvals`);
    const [, path = ''] = /href="(\/approvals\/[^"]+)"/.exec(list.text) ?? [];
    const page = await browser.open(`${server.origin}${path}`);
    expect(page.heading).toBe(`Let “Research agent” use the tool write of MCP server (${new URL(remote.url).host})?`);
    const message = { method: 'tools/call', params: { name: 'write', arguments: args } };
    expect(blocksOf(page.text)).toEqual([visible(JSON.stringify(message, null, 2))]);
    expect(page.text).not.toMatch(unseen);
    expect(page.text).toContain('‹U+202E›');
    expect(page.text).not.toContain('<script>alert');
    expect(buttonsOf(page)).toEqual(['Don’t allow it', 'Allow this call once', 'Allow for that time']);
    // Both are one press, side by side.
    expect(page.text).toMatch(/<div class="actions answers"><form[^>]*>.*<\/form><form[^>]*>.*<\/form><\/div>/);

    const no = await browser.send(page.url, fieldsOf(page, 'value="deny"'));
    expect(no.heading).toBe('You did not allow it');
    await expect(ask(id, args)).rejects.toMatchObject({ code: 'approval_denied' });
  });

  it('220. shows any message so that nothing of it is unseen, or is anything but text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.dictionary(text, fc.oneof(text, fc.constant(hostile)), { maxKeys: 4 }), async (args) => {
        const message = JSON.stringify({ method: 'tools/call', params: { name: 'write', arguments: args } }, null, 2);
        const item = { kind: 'tool', name: 'write', standing: 'seen' } as const;
        const shown = await pageOf('call', { item, message });
        return blocksOf(shown).join() === visible(message) && !unseen.test(shown) && !shown.includes('<script>alert');
      }),
      { numRuns: 60 },
    );
  });
});

describe('the page of what changed at a server', () => {
  it('228. is one button away from the owner’s own page, shows the differences, and its yes accepts them', async () => {
    const id = await connect();
    remote.served.tools = [
      servedTool('read', `Reads.\n${hostile}`),
      servedTool('write', 'Deletes.'),
      servedTool('n\u043ew'),
    ];
    remote.served.prompts = [{ name: 'sum' }];
    await listTools(server.broker, ann, { connectionId: id });
    remote.served.prompts = [];
    const browser = await signedIn(ann);
    expect((await browser.open(server.origin)).text).toContain('Needs attention: look at what changed at the server');
    const own = await browser.open(`${server.origin}/connections/${id}`);
    expect(own.text).toContain('2 tools changed, 1 tool is new, and 1 prompt is new since you saw them.');
    const page = await browser.send(`${own.url}/tools`, fieldsOf(own, '/tools"'));
    expect(page.url.pathname).toMatch(/^\/approvals\/[0-9a-f-]+$/);
    expect(page.heading).toBe(`Accept what MCP server (${new URL(remote.url).host}) offers now?`);
    const [read = ''] = blocksOf(page.text);
    expect(read).toContain('- description: What read does.\n');
    expect(read).toContain(`+ description: Reads.\n+ ${visible(hostile)}\n`);
    expect(blocksOf(page.text)).toHaveLength(4);
    expect(blocksOf(page.text)[2]).toContain('+ name: n‹U+043E›w\n');
    expect(page.text).not.toMatch(unseen);
    expect(page.text).not.toContain('<script>alert');
    expect(buttonsOf(page)).toEqual(['Don’t accept', 'Accept these tools']);
    expect(await standing(id, 'read')).toBe('changed');

    const back = await browser.send(page.url, fieldsOf(page, 'value="once"'));
    expect(back.url.pathname).toBe(`/connections/${id}`);
    expect(back.text).not.toContain('Look at what changed');
    expect([await standing(id, 'read'), await standing(id, 'n\u043ew')]).toEqual(['seen', 'seen']);
  });

  it('228. shows what changed again meanwhile before that is accepted, and nothing is accepted with a no', async () => {
    const id = await connect();
    const change = async (description: string) => {
      remote.served.tools = [servedTool('read', description), servedTool('write')];
      await listTools(server.broker, ann, { connectionId: id });
    };
    await change('Once.');
    const browser = await signedIn(ann);
    const own = await browser.open(`${server.origin}/connections/${id}`);
    const first = await browser.send(`${own.url}/tools`, fieldsOf(own, '/tools"'));
    await change('Twice.');
    const second = await browser.send(first.url, fieldsOf(first, 'value="once"'));
    expect(second.heading).toMatch(/^Accept what /);
    expect(blocksOf(second.text).join()).toContain('+ description: Twice.');
    expect(await standing(id, 'read')).toBe('changed');
    const no = await browser.send(second.url, fieldsOf(second, 'value="deny"'));
    expect(no.heading).toBe('You did not allow it');
    expect(await standing(id, 'read')).toBe('changed');
  });

  it('228. is asked for by its own form alone: not without signing in, from another site, person, browser or form', async () => {
    const id = await connect();
    remote.served.tools = [servedTool('read', 'Says something else.')];
    await listTools(server.broker, ann, { connectionId: id });
    const browser = await signedIn(ann);
    const path = `/connections/${id}`;
    const fields = fieldsOf(await browser.open(`${server.origin}${path}`), '/tools"');
    const other = await signedIn(bob);
    expect((await other.open(`${server.origin}${path}`)).status).toBe(404);
    const cookies = (of: typeof browser) => [...of.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const post = async (headers: Record<string, string>, more: Record<string, string> = {}, to = path) =>
      (
        await raw(server.origin, `${to}/tools`, {
          method: 'POST',
          headers: { origin: server.origin, 'content-type': 'application/x-www-form-urlencoded', ...headers },
          body: new URLSearchParams({ ...fields, ...more }).toString(),
        })
      ).status;
    const own = { cookie: cookies(browser) };
    expect([
      await post({}),
      await post({ cookie: cookies(other) }),
      await post({ cookie: cookies(await signedIn(ann)) }),
      await post(own, { csrf: '' }),
      await post({ ...own, origin: 'https://evil.example' }),
      await post({ ...own, 'content-type': 'application/json' }),
      await post(own, {}, `/connections/${crypto.randomUUID()}`),
    ]).toEqual([401, 403, 403, 403, 403, 415, 404]);
    expect((await browser.open(`${server.origin}/approvals`)).text).toContain('Nothing waits for you.');
    expect(await standing(id, 'read')).toBe('changed');
  });

  it('224. shows any two definitions so that nothing of them is unseen, or is anything but text', async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.oneof(text, fc.constant(hostile)), text, async (before, after, name) => {
        const tools = [
          {
            kind: 'tool',
            name,
            before: definitionText({ name, description: before }),
            after: definitionText({ name, description: `${after}!`, inputSchema: { [after]: after } }),
          },
        ] as const;
        const shown = await pageOf('tools', { tools });
        const [block = ''] = blocksOf(shown);
        const added = block.split('\n').flatMap((line) => (/^[+ ] /.test(line) ? [line.slice(2)] : []));
        return added.join('\n') === tools[0].after && !unseen.test(shown) && !shown.includes('<script>alert');
      }),
      { numRuns: 60 },
    );
  });
});

/** The page of a request about this, as HTML. */
async function pageOf(act: 'call' | 'tools', details: Parameters<typeof approvalPage>[0]['details']): Promise<string> {
  const facts = { service: 'Tracker', hosts: ['mcp.example'], connection: null };
  const times = { askedAt: 0, expiresAt: 600_000, releaseUntil: null };
  const view = {
    approvalId: 'a',
    connectorId: 'mcp-server',
    state: 'pending',
    act,
    details,
    client: 'Agent',
    facts,
    csrf: 'c',
    ...times,
  } as const;
  return String(await approvalPage(view, { host: 'keyward.example', now: 0 }));
}
