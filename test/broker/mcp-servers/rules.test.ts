/** Rules for the tools of an MCP server: what they say, what may be given, and what is wider. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decide, openApprovals } from '../../../src/broker/approvals/page.ts';
import { requireYes } from '../../../src/broker/calls/ask-first.ts';
import { inWords, widensPolicy } from '../../../src/broker/calls/policy.ts';
import { readPolicy } from '../../../src/broker/calls/policy-input.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { getConnection, updateCredential } from '../../../src/broker/credentials/manage.ts';
import { shareConnection } from '../../../src/broker/credentials/share.ts';
import { acceptTools, listTools } from '../../../src/broker/credentials/tools.ts';
import { type Item, stricter, type Verdict, verdictOf } from '../../../src/broker/mcp-servers/rules.ts';
import { seenBy } from '../../../src/broker/mcp-servers/seen.ts';
import { widensTools } from '../../../src/broker/mcp-servers/tool-rules.ts';
import { localPrincipal, type Principal } from '../../../src/principal.ts';
import type { ToolRules } from '../../../src/vault/vault.ts';
import { acme, credentialOf, principal, startBroker, storeTokens, type TestBroker } from '../../support/broker.ts';
import { type McpToolsServer, servedTool, startMcpToolsServer } from '../../support/servers/mcp-tools-server.ts';

const mcp = { protocol: 'mcp', unsafeGet: false } as const;
const http = { protocol: 'http', unsafeGet: false } as const;

const ann: Principal = { ...localPrincipal, client: 'Claude' };
const bob: Principal = principal('bob');
/** One that nobody guesses: a key that somebody could guess is not shared for use. */
const key = `key_${randomBytes(24).toString('base64url')}`;
const order: readonly Verdict[] = ['allow', 'ask', 'refuse'];

describe('rules for tools', () => {
  const pattern = fc.stringMatching(/^(prompt:)?[ab*]{1,4}$/);
  const patterns = fc.array(pattern, { maxLength: 3 });
  const rules = fc.record({
    allow: fc.oneof(fc.constant(null), patterns),
    ask: patterns,
    refuse: patterns,
    unseen: fc.constantFrom(...order),
  });
  const items = ['tool', 'prompt'].flatMap((kind) =>
    ['', 'a', 'b', 'c', 'aa', 'ab', 'ba', 'bb', 'ac', 'ca', 'aab', 'aba', 'abab', 'acb', 'bcab'].map(
      (name) => ({ kind, name }) as Item,
    ),
  );
  /** What holds for an item that its owner saw, and for one that they did not. */
  const verdicts = (given: ToolRules | null) =>
    items.flatMap((item) => {
      const verdict = verdictOf(given, item);
      return [verdict, stricter(verdict, given?.unseen ?? 'refuse')];
    });

  it('218. that treat one tool better than before are wider, whatever their patterns', () => {
    const either = fc.oneof(fc.constant(null), rules);
    fc.assert(
      fc.property(either, either, (before, after) => {
        if (widensTools(before, after)) return true;
        const [was, is] = [verdicts(before), verdicts(after)];
        return is.every((verdict, at) => order.indexOf(verdict) >= order.indexOf(was[at] ?? 'refuse'));
      }),
      { numRuns: 20_000 },
    );
  });

  it.each<[string, Partial<ToolRules> | null, Partial<ToolRules> | null, boolean]>([
    ['fewer tools', { allow: ['get_*', 'list_*'] }, { allow: ['get_me'] }, false],
    ['one asked about instead of allowed', { allow: ['get_*'] }, { allow: ['get_*'], ask: ['get_secret'] }, false],
    ['a list where there was none', null, { allow: ['get_*'] }, false],
    ['a refused tool that no list allows any more', { refuse: ['delete_*'] }, { allow: ['get_*'] }, false],
    ['one tool more', { allow: ['get_me'] }, { allow: ['get_me', 'get_you'] }, true],
    ['a wider pattern', { allow: ['get_me'] }, { allow: ['get_*'] }, true],
    ['a refused tool back', { refuse: ['drop'] }, {}, true],
    ['no more asking', { ask: ['drop'] }, {}, true],
    ['what is new allowed', {}, { unseen: 'allow' }, true],
    ['what is new asked about', null, { unseen: 'ask' }, true],
    ['prompts beside tools', { allow: ['*'] }, { allow: ['*', 'prompt:*'] }, true],
    ['no rules at all', { allow: ['get_*'] }, null, true],
  ])('knows as wider or not: %s', (_, before, after, wider) => {
    const read = (given: Partial<ToolRules> | null) => given && readPolicy({ tools: given }, mcp);
    expect(widensPolicy(read(before), read(after))).toBe(wider);
  });

  it.each<[string, unknown]>([
    ['no object', ['get_*']],
    ['a list that is none', { allow: 'get_*' }],
    ['an empty name', { allow: [''] }],
    ['a name with a character that nobody sees', { refuse: ['dro\u200bp'] }],
    ['a name with a line break', { ask: ['a\nb'] }],
    ['a name without end', { ask: ['a'.repeat(201)] }],
    ['a thousand names', { ask: Array.from({ length: 1_000 }, (_, at) => `t${at}`) }],
    ['another word for unseen', { unseen: 'maybe' }],
    ['a list that is not known', { deny: ['drop'] }],
    ['nothing in place of a list', { refuse: null }],
  ])('219. that hold %s are refused, with what is right', (_, tools) => {
    expect(() => readPolicy({ tools }, mcp)).toThrow(expect.objectContaining({ code: 'invalid_input' }));
  });

  it('takes patterns of a hostile length without a pause', () => {
    const long = { allow: Array.from({ length: 200 }, (_, at) => `${'a*'.repeat(98)}${at}`) };
    const begun = performance.now();
    widensPolicy(readPolicy({ tools: long }, mcp), readPolicy({ tools: { ...long, ask: long.allow } }, mcp));
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  it('are for an MCP server, and methods and paths are not', () => {
    expect(() => readPolicy({ methods: ['GET'] }, mcp)).toThrow(/policy\.methods is not for an MCP server/);
    expect(() => readPolicy({ tools: { allow: ['a'] } }, http)).toThrow(/policy\.tools are those of an MCP server/);
  });

  it('are told in words', () => {
    const tools = { allow: ['get_*'], ask: ['create_issue'], refuse: ['prompt:*'], unseen: 'ask' };
    expect(inWords(readPolicy({ tools }, mcp))).toBe(
      'Allowed: get_*. Asked first: create_issue. Refused: prompt:*. A tool or prompt that is new or changed at the server is asked first.',
    );
  });
});

describe('the owner of an MCP server', () => {
  let remote: McpToolsServer;
  let keyward: TestBroker;
  beforeAll(async () => {
    remote = await startMcpToolsServer(key);
    keyward = await startBroker({
      origin: new URL(remote.url).origin,
      settings: { release: 'approve', anyHost: 'allow' },
      pages: { showLocally: async () => false },
    });
  });
  afterAll(async () => {
    await keyward.close();
    await remote.close();
  });

  async function connect(tools = [servedTool('read')]): Promise<string> {
    remote.served.tools = tools;
    const input = { connectorId: 'mcp-server', authenticationType: 'bearer', serverUrl: remote.url, token: key };
    const made = await createCredential(keyward.broker, ann, input, { obtainedBy: 'rest' });
    if (made.kind !== 'created') throw new Error('Something was left to ask.');
    return made.credentialId;
  }
  const now = (id: string) => credentialOf(keyward.broker, ann, id);
  const call = async (id: string, args: object, who = ann, name = 'read', more: object = {}) =>
    requireYes(keyward.broker, who, await now(id), {
      item: { kind: 'tool', name },
      message: { jsonrpc: '2.0', id: Math.random(), method: 'tools/call', params: { name, arguments: args, ...more } },
    });
  const isAsked = { code: 'approval_required' };
  const openFor = async (id: string) =>
    (await openApprovals(keyward.broker, ann)).filter(
      ({ details, state }) => state === 'pending' && details !== undefined && id !== '',
    );
  async function answerAll(answer: 'once' | 'deny' | number) {
    for (const { approvalId } of await openFor('any')) {
      await decide(
        keyward.broker,
        ann,
        approvalId,
        typeof answer === 'number' ? { answer: 'minutes', minutes: answer } : { answer },
      );
    }
  }

  it('220. says yes to one message: another argument, tool or client asks anew, and so does the message a second time', async () => {
    const id = await connect([servedTool('read'), servedTool('write')]);
    await expect(call(id, { path: '/a' })).rejects.toMatchObject(isAsked);
    const [asked] = await openFor(id);
    expect(asked).toMatchObject({
      act: 'call',
      client: 'Claude',
      details: { item: { name: 'read', standing: 'seen' } },
    });
    expect(JSON.parse(asked?.details.message ?? '')).toEqual({
      method: 'tools/call',
      params: { name: 'read', arguments: { path: '/a' } },
    });
    // Requests about different tools do not push each other out.
    await expect(call(id, { path: '/a' }, ann, 'write')).rejects.toMatchObject(isAsked);
    expect(await openFor(id)).toHaveLength(2);
    await answerAll('once');
    await expect(call(id, { path: '/b' })).rejects.toMatchObject(isAsked);
    await answerAll('once');
    await expect(call(id, { path: '/b' }, { ...ann, client: 'Other' })).rejects.toMatchObject(isAsked);
    await answerAll('deny');
    // The id of the message and the count of its progress differ each time.
    await call(id, { path: '/b' }, ann, 'read', { _meta: { progressToken: 7 } });
    await expect(call(id, { path: '/b' })).rejects.toMatchObject(isAsked);
    await answerAll('deny');
    await expect(call(id, { path: '/b' })).rejects.toMatchObject({ code: 'approval_denied' });
  });

  it('221. allows a tool for minutes, with whatever arguments, and no other tool and not what it becomes', async () => {
    const id = await connect([servedTool('read'), servedTool('write')]);
    const other: Principal = { ...ann, client: 'Minutes' };
    await expect(call(id, { path: '/a' }, other)).rejects.toMatchObject(isAsked);
    await answerAll(5);
    await call(id, { path: '/a' }, other);
    await call(id, { path: '/b' }, other);
    await expect(call(id, {}, other, 'write')).rejects.toMatchObject(isAsked);
    remote.served.tools = [servedTool('read', 'Deletes.'), servedTool('write')];
    await listTools(keyward.broker, ann, { connectionId: id });
    await expect(call(id, { path: '/a' }, other)).rejects.toMatchObject(isAsked);
    await answerAll('once');
  });

  it('222. is asked for whoever a share lets in, who can not answer and is told no link', async () => {
    const id = await connect();
    const share = {
      connectionId: id,
      with: 'user:bob',
      permission: 'use',
      policy: { tools: { ask: ['read'] } },
    } as const;
    await expect(shareConnection(keyward.broker, ann, share)).rejects.toMatchObject(isAsked);
    await answerAll('once');
    await shareConnection(keyward.broker, ann, share);
    await expect(call(id, { path: '/b' }, bob)).rejects.toMatchObject({ ...isAsked, details: {} });
    expect(await openApprovals(keyward.broker, bob)).toEqual([]);
    const [asked] = await openFor(id);
    expect(asked?.client).toBe('bob, with Test Client');
    await expect(decide(keyward.broker, bob, asked?.approvalId ?? '', { answer: 'once' })).rejects.toMatchObject({
      code: 'not_found',
    });
    await answerAll('once');
    // The yes was for Bob and not for the owner's own assistant, nor for anybody else of that name.
    await expect(call(id, { path: '/b' }, { ...ann, client: 'bob, with Test Client' })).rejects.toMatchObject(isAsked);
    await answerAll('once');
    await call(id, { path: '/b' }, bob);
    await expect(call(id, { path: '/b' }, bob)).rejects.toMatchObject(isAsked);
    await answerAll('once');
  });

  it('223. is not asked what nobody could read', async () => {
    const id = await connect();
    await expect(call(id, { text: 'x'.repeat(30_000) })).rejects.toMatchObject({ code: 'forbidden' });
  });

  it('224. sees what changed before it counts as seen, and a change after that is none that was accepted', async () => {
    const id = await connect([servedTool('read'), servedTool('write')]);
    remote.served.tools = [servedTool('read', 'Reads\u202e files.\nAnd tells nobody.'), servedTool('drop')];
    const { items } = await listTools(keyward.broker, ann, { connectionId: id });
    expect(items.map(({ name, standing, verdict }) => [name, standing, verdict])).toEqual([
      ['read', 'changed', 'refuse'],
      ['write', 'seen', 'allow'],
      ['drop', 'new', 'refuse'],
    ]);
    expect(await getConnection(keyward.broker, ann, { connectionId: id })).toMatchObject({
      tools: expect.stringContaining('1 new and 1 changed'),
    });
    const accept = (names?: string[]) =>
      acceptTools(keyward.broker, ann, { connectionId: id, ...(names && { names }) });
    await expect(accept(['nothing'])).rejects.toMatchObject({ code: 'not_found' });
    await expect(accept(['read'])).rejects.toMatchObject(isAsked);
    const [asked] = await openFor(id);
    expect(asked?.details.tools).toEqual([
      {
        kind: 'tool',
        name: 'read',
        before: expect.stringContaining('What read does.'),
        after: expect.stringContaining('Reads‹U+202E› files.\nAnd tells nobody.'),
      },
    ]);
    await answerAll('once');
    remote.served.tools = [servedTool('read', 'Something else again.'), servedTool('drop')];
    await listTools(keyward.broker, ann, { connectionId: id });
    await expect(accept(['read'])).rejects.toMatchObject(isAsked);
    await answerAll('once');
    expect(await accept(['read'])).toEqual({ connectionId: id, accepted: ['read'] });
    const standing = await seenBy(keyward.broker, await now(id));
    expect(['read', 'drop'].map((name) => standing({ kind: 'tool', name }))).toEqual(['seen', 'new']);
  });

  it('225. shares it for use only with rules for its tools, and wider rules are asked for', async () => {
    const id = await connect();
    const input = { connectionId: id, with: 'user:bob', permission: 'use' } as const;
    const share = (tools: object) => shareConnection(keyward.broker, ann, { ...input, policy: { tools } });
    await expect(shareConnection(keyward.broker, ann, input)).rejects.toThrow(/must name the tools/);
    await expect(
      shareConnection(keyward.broker, ann, { ...input, policy: { methods: ['GET'] } }),
    ).rejects.toMatchObject({
      code: 'invalid_input',
    });
    await expect(share({ allow: ['read'] })).rejects.toMatchObject(isAsked);
    await answerAll('once');
    await share({ allow: ['read'] });
    await share({ allow: ['read'], ask: ['read'] });
    await expect(share({ allow: ['*'] })).rejects.toMatchObject(isAsked);
    await answerAll('once');
    const { shares } = await getConnection(keyward.broker, ann, { connectionId: id });
    expect(shares).toMatchObject([
      { policy: { tools: { allow: ['read'], ask: ['read'], refuse: [], unseen: 'refuse' } } },
    ]);
  });

  it('226. narrows its rules at once, and widens them with a yes', async () => {
    const id = await connect();
    const limit = (policy: object | null) => updateCredential(keyward.broker, ann, { credentialId: id, policy });
    expect(await limit({ tools: { refuse: ['drop'] } })).toMatchObject({
      policy: { methods: null, paths: null, tools: { allow: null, refuse: ['drop'] } },
    });
    await expect(limit({ tools: { unseen: 'allow', refuse: ['drop'] } })).rejects.toMatchObject(isAsked);
    await expect(limit(null)).rejects.toMatchObject({ code: 'approval_required' });
    const { id: plain } = await storeTokens(keyward.broker, ann);
    expect((await now(plain)).connectorId).toBe(acme);
    await expect(
      updateCredential(keyward.broker, ann, { credentialId: plain, policy: { tools: { allow: ['a'] } } }),
    ).rejects.toMatchObject({ code: 'invalid_input' });
  });
});
