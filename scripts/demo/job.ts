/** The main job, step by step, as an assistant and its person do it. */

import type { KeywardProcess, TestClient } from '../../test/support/clients/mcp-clients.ts';
import { connectorId, type World } from '../../test/support/world.ts';
import { searchFiles } from './search-files.ts';
import { must, type Step, until } from './steps.ts';

export type Started = {
  readonly world: World;
  readonly keyward: KeywardProcess;
  readonly client: TestClient;
  /** What the person does with the link; resolves when they did, or when only waiting for them is left. */
  readonly person: (link: string) => Promise<void>;
  /** What must not be in any file of Keyward, as of now. */
  readonly secrets: () => readonly string[];
};

type Released = { readonly accessToken: string; readonly expiresAt: string };

export async function runJob(step: Step, { world, keyward, client, person, secrets }: Started): Promise<void> {
  await step(
    'list',
    async () => {
      const found = rows(await client.get('list_connectors', { query: 'acme' }), 'connectors');
      must(found.length === 1, 'searching for acme does not find its connector');
      let count = 0;
      for (let cursor: unknown; ; ) {
        const page = await client.get('list_connectors', { limit: 100, ...(cursor ? { cursor } : {}) });
        count += rows(page, 'connectors').length;
        cursor = page.nextCursor;
        if (cursor === undefined) return count;
      }
    },
    (count) => `${count} connectors, one of them from a user's file: ${connectorId}`,
  );

  await step(
    'metadata',
    async () => rows(await client.get('get_credential_metadata', { connectorId }), 'metadata'),
    (types) => `it can be connected by ${types.map((one) => one.authenticationType).join(', ')}`,
  );

  const { attemptId, oauthUrl } = await step(
    'create',
    async () => {
      const input = { connectorId, authenticationType: 'oauth2', name: 'Demo' };
      return (await client.get('create_credential', input)) as { attemptId: string; oauthUrl: string };
    },
    (attempt) => `a link for the person: ${attempt.oauthUrl}`,
  );

  const credentialId = await step(
    'browser',
    async () => {
      await person(oauthUrl);
      for (;;) {
        const checked = await client.get('check_attempt', { attemptId, waitSeconds: 45 }, { timeout: 60_000 });
        if (checked.status === 'completed') return String(checked.credentialId);
        must(checked.status === 'pending', `the attempt has ${checked.status}`);
      }
    },
    () => 'the person signed in at the service and allowed access',
  );

  await step(
    'stored',
    async () => {
      must(rows(await client.get('list_credentials'), 'credentials').length === 1, 'the list does not show it');
      return searchFiles(keyward.home, secrets());
    },
    ({ files, bytes, secrets: count }) => `${bytes} bytes in ${files} files, none of the ${count} secrets in them`,
  );

  const read = async () => {
    const { credentials } = await client.get('get_connection_credentials', { connectionId: credentialId });
    return credentials as Released;
  };
  const apiTakes = async ({ accessToken }: Released) => (await callApi(world, accessToken)) !== null;

  const first = await step(
    'read',
    async () => {
      const released = await read();
      must(await apiTakes(released), 'the API refuses the access token');
      return released;
    },
    () => 'the owner reads the access token, and the API takes it',
  );

  await step(
    'expired',
    () => until(async () => !(await apiTakes(first)), 30, 'the access token does not expire'),
    () => 'the API refuses that access token now',
  );

  await step(
    'refreshed',
    async () => {
      const released = await read();
      must(released.accessToken !== first.accessToken, 'Keyward answers the expired access token');
      must(await apiTakes(released), 'the API refuses the new access token');
      return searchFiles(keyward.home, secrets());
    },
    ({ secrets: count }) => `reading again answers a new access token; none of ${count} secrets in the files`,
  );

  await step(
    'used',
    async () => {
      const { status, account } = await client.get('verify_credential', { credentialId });
      must(status === 'active', 'verify_credential does not find it active');
      const seen = await callApi(world, (await read()).accessToken);
      must(seen === account, 'verify_credential finds another account than the API');
      return seen;
    },
    (account) => `verify_credential finds it active, and the API answers for ${account}`,
  );

  const last = await step(
    'deleted',
    async () => {
      const released = await read();
      must(await apiTakes(released), 'the API refuses the access token');
      const { revocation } = await client.get('delete_credential', { credentialId });
      must(revocation === 'revoked', `the service's answer to the revocation: ${revocation}`);
      must(rows(await client.get('list_credentials'), 'credentials').length === 0, 'it is still listed');
      return released;
    },
    () => 'gone from the vault, and revoked at the service',
  );

  await step(
    'revoked',
    async () => {
      must(!(await apiTakes(last)), 'the API still takes the access token');
      must(Date.now() < Date.parse(last.expiresAt), 'this took so long that the access token expired by itself');
    },
    () => 'the API refuses the access token before its time',
  );
}

function rows(answer: Record<string, unknown>, name: string): readonly Record<string, unknown>[] {
  return answer[name] as Record<string, unknown>[];
}

/** Calls the service's API as a program would that was given the access token: the account, null when it is refused. */
async function callApi({ server }: World, accessToken: string): Promise<string | null> {
  const response = await fetch(`${server.issuer}/v1/me`, { headers: { authorization: `Bearer ${accessToken}` } });
  const { user } = (await response.json()) as { user?: { email: string } };
  return user?.email ?? null;
}
