import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Links } from '../../src/mcp/links.ts';
import { clientKinds, type KeywardProcess, outcomeOf, startKeyward } from '../support/clients/mcp-clients.ts';
import { followLink, isApproval } from '../support/clients/person.ts';
import { rawModern } from '../support/clients/raw-mcp.ts';
import { shareKeyward } from '../support/clients/shared-keyward.ts';
import { openInProcess } from '../support/in-process.ts';
import { connectorId, goodApiKey, startWorld, type World } from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.close());

const input = { connectorId, authenticationType: 'oauth2' };

/** The attempt's id is the last part of its link. */
const attemptOf = (url: string) => url.split('/').at(-1) ?? '';

/** A client whose person does this with every link. */
const withPerson = shareKeyward('links', () => world.env);
const withoutLinks = shareKeyward('no links', () => world.env);

describe.each(clientKinds)('a %s client that takes links by URL elicitation', (kind) => {
  it('gets the credential in the very call once the person has finished', async () => {
    const finished: Promise<unknown>[] = [];
    const { client, links } = await withPerson(kind, async (url) => {
      finished.push(followLink(url));
      return 'accept';
    });
    const made = await client.get('create_credential', input);
    expect(made).toMatchObject({ credentialId: expect.any(String), account: expect.stringContaining('@example.com') });
    expect(await finished[0]).toMatchObject({ step: 'completed' });
    expect(links).toHaveLength(1);
    expect(links[0]?.message).toContain('Acme');
  });

  it('can’t read a secret that came by elicitation without the owner’s approval, even where reading is allowed', async () => {
    const { keyward, client } = await withPerson(kind, async (url) => {
      if (isApproval(url)) return 'decline';
      await followLink(url, { fields: { apiKey: goodApiKey } });
      return 'accept';
    });
    const before = keyward.stdout.length;
    const asked = await client.get('create_credential', { connectorId, authenticationType: 'api_key' });
    const refused = await client.call('get_connection_credentials', { connectionId: asked.credentialId });
    expect(refused.error?.code).toBe('approval_denied');
    expect(keyward.stdout.slice(before).join('\n')).not.toContain(goodApiKey);

    const given = await client.get('create_credential', {
      connectorId,
      authenticationType: 'api_key',
      apiKey: goodApiKey,
    });
    const allowed = await client.get('get_connection_credentials', { connectionId: given.credentialId });
    expect(allowed.credentials).toEqual({ apiKey: goodApiKey });
  });

  it.each(['decline', 'cancel'] as const)('ends the attempt when the person answers %s', async (answer) => {
    const { client, links } = await withPerson(kind, async () => answer);
    const before = await client.get('list_credentials');
    expect((await client.call('create_credential', input)).error?.code).toBe('cancelled');
    const attemptId = attemptOf(links[0]?.url ?? '');
    expect(await client.get('check_attempt', { attemptId })).toMatchObject({
      status: 'failed',
      error: { code: 'cancelled' },
    });
    expect(await client.get('list_credentials')).toEqual(before);
  });

  it('is told why when the person says no at the service', async () => {
    const finished: Promise<unknown>[] = [];
    const { client } = await withPerson(kind, async (url) => {
      finished.push(followLink(url, { decision: 'deny' }));
      return 'accept';
    });
    expect((await client.call('create_credential', input)).error?.code).toBe('provider_refused');
    await Promise.all(finished);
  });

  it('may stop waiting, and the person can finish all the same', async () => {
    const stop = new AbortController();
    const { client, links } = await withPerson(kind, async () => 'accept');
    const call = client.call('create_credential', input, {
      signal: stop.signal,
      onprogress: ({ total }) => {
        // The 2.x client reports rounds of its own, without a total.
        if (total === undefined) return;
        expect(total).toBeLessThanOrEqual(50);
        stop.abort();
      },
    });
    await expect(call).rejects.toThrow();
    const url = links[0]?.url ?? '';
    expect(await followLink(url)).toMatchObject({ step: 'completed' });
    expect(await client.get('check_attempt', { attemptId: attemptOf(url) })).toMatchObject({ status: 'completed' });
  });
});

describe('a person who takes long to answer', () => {
  it('leaves only the rest of the minute for waiting, and the link comes as the plain result', async () => {
    const keyward = await openInProcess(world.env);
    const clock = vi.spyOn(performance, 'now');
    const totals: number[] = [];
    const links: Links = {
      offered: true,
      state: undefined,
      answer: 'none',
      show: async () => {
        clock.mockImplementation(() => Number.MAX_SAFE_INTEGER);
        return 'accept';
      },
    };
    clock.mockImplementation(() => Number.MAX_SAFE_INTEGER - 48_000);
    const begun = Date.now();
    const onWait = (_elapsed: number, total: number) => void totals.push(total);
    const made = await keyward.run('create_credential', input, { links, onWait });
    clock.mockRestore();
    expect(made).toMatchObject({ oauthUrl: expect.any(String), attemptId: expect.any(String) });
    expect(new Set(totals)).toEqual(new Set([2]));
    expect(Date.now() - begun).toBeLessThan(10_000);
    await keyward.close();
  });
});

describe.each(clientKinds)('a %s client that declares no URL elicitation', (kind) => {
  it('gets the plain result with the link', async () => {
    const { client } = await withoutLinks(kind);
    expect(await client.get('create_credential', input)).toEqual({
      oauthUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/connect\//),
      attemptId: expect.any(String),
      expiresAt: expect.any(String),
    });
  });
});

describe.each(['legacy', 'sdk1'] as const)('a %s client whose link dialog fails', (kind) => {
  it('gets the plain result, so that the flow is not lost', async () => {
    const { client } = await withPerson(kind, async () => {
      throw new Error('no browser here');
    });
    expect(await client.get('create_credential', input)).toMatchObject({ oauthUrl: expect.any(String) });
  });
});

describe('requestState, which passes through the client', () => {
  const urlCapable = { elicitation: { url: {} } };
  const accepted = { connect: { action: 'accept' } };

  let keyward: KeywardProcess;
  let client: Awaited<ReturnType<typeof rawModern>>;
  beforeAll(async () => {
    keyward = await startKeyward({ env: world.env });
    client = await rawModern(keyward.transport, urlCapable);
  });
  afterAll(() => keyward.stop());

  it('is the attempt’s id and holds nothing else', async () => {
    const { result } = await client.call('create_credential', input);
    const { inputRequests, requestState } = result as {
      inputRequests: { connect: { params: { url: string } } };
      requestState: string;
    };
    expect(result).toMatchObject({ resultType: 'input_required' });
    expect(requestState).toBe(attemptOf(inputRequests.connect.params.url));
  });

  it('11. is refused with other arguments than the attempt was started with', async () => {
    const { result } = await client.call('create_credential', input);
    const round = { requestState: result?.requestState, inputResponses: accepted };
    const other = await client.call('create_credential', { ...input, name: 'Other' }, round);
    expect(outcomeOf(other.result).error?.code).toBe('forbidden');
  });

  it('11. is refused when it names no attempt of the caller', async () => {
    const foreign = { requestState: '550e8400-e29b-41d4-a716-446655440000', inputResponses: accepted };
    expect(outcomeOf((await client.call('create_credential', input, foreign)).result).error?.code).toBe('not_found');
    const odd = { requestState: '../x', inputResponses: accepted };
    expect(outcomeOf((await client.call('create_credential', input, odd)).result).error?.code).toBe('invalid_input');
  });

  it('must come with the answer: an answer alone starts no second attempt', async () => {
    const { result } = await client.call('create_credential', input, { inputResponses: accepted });
    expect(outcomeOf(result).error?.code).toBe('invalid_input');
  });

  it('alone, without an answer, gets the link again', async () => {
    const { result } = await client.call('create_credential', input);
    const again = await client.call('create_credential', input, { requestState: result?.requestState });
    expect(outcomeOf(again.result).data).toMatchObject({
      oauthUrl: expect.any(String),
      attemptId: result?.requestState,
    });
  });
});
