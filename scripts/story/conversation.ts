/**
 * The conversation of README: what a real client gets from a real Keyward over stdio, with the built-in connector of
 * GitHub. Ids, times and addresses differ from run to run; here they are the same each time.
 */

import { connectClient, startKeyward, type TestClient } from '../../test/support/clients/mcp-clients.ts';
import { answerRequest, followLink } from '../../test/support/clients/person.ts';
import { startGitHub, token } from './github.ts';
import { settle } from './settle.ts';

/** A Keyward that reaches GitHub's stand-in, with a client beside it. */
export type Stage = {
  readonly client: TestClient;
  /** Resolves with the next link that Keyward has the client show to its person. */
  readonly nextLink: () => Promise<string>;
  readonly close: () => Promise<void>;
};

export async function openStage(): Promise<Stage> {
  const github = await startGitHub();
  const keyward = await startKeyward({ env: { ...github.env, KEYWARD_HOSTS_ALLOW: 'api.github.com' } });
  let shown: (url: string) => void = () => undefined;
  const client = await connectClient('modern', keyward.transport, {
    name: 'my-assistant',
    onLink: async ({ url }) => {
      shown(url);
      return 'accept';
    },
  });
  return {
    client,
    nextLink: () =>
      new Promise((resolve) => {
        shown = resolve;
      }),
    close: async () => {
      await client.close();
      await keyward.exited;
      await github.close();
    },
  };
}

/** Name of an answer → the text that the model reads, indented. */
export async function playConversation(): Promise<ReadonlyMap<string, string>> {
  const stage = await openStage();
  const { client } = stage;
  const told = new Map<string, string>();
  const say = (name: string, data: unknown) => void told.set(name, settle(layOut(data)));
  try {
    const link = stage.nextLink();
    const connected = client.get('create_credential', { connectorId: 'github', authenticationType: 'bearer' });
    await followLink(await link, { fields: { token } });
    const { credentialId } = await connected;
    say('connected', await connected);
    const call = { connectionId: credentialId, method: 'GET', path: '/repos/ann/garden/pulls?state=open' };
    say('call', await client.get('call_api', call));
    const request = stage.nextLink();
    const release = client.call('get_connection_credentials', { connectionId: credentialId });
    await answerRequest(await request, 'deny');
    say('denied', (await release).error);
    const policy = { methods: ['GET'], paths: ['/repos/**'] };
    await client.get('update_credential', { credentialId, policy });
    say('policy-refusal', (await client.call('call_api', { ...call, method: 'POST' })).error);
    say('deleted', await client.get('delete_credential', { credentialId }));
  } finally {
    await stage.close();
  }
  return told;
}

/** JSON with a line for each member, and for each row of a list of objects. */
function layOut(data: unknown): string {
  const line = (value: unknown) => JSON.stringify(value).replace(/("(?:[^"\\]|\\.)*")|([:,])|([{}])/g, spaced);
  const spaced = (_: string, text?: string, sign?: string, brace?: string) =>
    text ?? (sign === undefined ? (brace === '{' ? '{ ' : ' }') : `${sign} `);
  const member = (value: unknown) =>
    Array.isArray(value) && value.every((row) => typeof row === 'object')
      ? `[\n${value.map((row) => `    ${line(row)}`).join(',\n')}\n  ]`
      : line(value);
  const members = Object.entries(data as object).map(([name, value]) => `  ${JSON.stringify(name)}: ${member(value)}`);
  return `{\n${members.join(',\n')}\n}`;
}
