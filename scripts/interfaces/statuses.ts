/** Every status that the documents of other systems have, provoked. */
import { randomUUID } from 'node:crypto';
import { connectorId, goodApiKey } from '../../test/support/world.ts';
import type { Proxies } from './documents.ts';
import type { Answer, Between, Document, Request } from './prism.ts';
import type { Report } from './report.ts';

/** Session tokens: of somebody, of somebody else, and of a backend. */
export type Tokens = { readonly ann: string; readonly bob: string; readonly backend: string };

const credentials = `/connectors/${connectorId}/credentials`;
const alloy = { 'x-api-version': '2025-09' };

/** Provokes them, each through the Prism with the document that has it. */
export async function provokeStatuses(
  { create, list, metadata, secret, own }: Proxies,
  { ann, bob, backend }: Tokens,
  report: Report,
) {
  const seen = new Map<Between, Set<number>>();
  /** Asks, and answers the body of what came back. */
  async function check(
    name: string,
    proxy: Between,
    status: number,
    request: Request,
  ): Promise<Record<string, unknown>> {
    const answer = await proxy.ask(request);
    report.add(`${status}  ${name}`, problemsOf(answer, status));
    // Of an answer that breaks the document the status is Prism’s own.
    if (answer.violations.length === 0) seen.set(proxy, (seen.get(proxy) ?? new Set()).add(answer.status));
    return (answer.body ?? {}) as Record<string, unknown>;
  }

  const connect = (name: string, fields: Record<string, string>, more: Partial<Request> = {}) =>
    check(`create a credential: ${name}`, create, 200, {
      method: 'POST',
      path: credentials,
      token: ann,
      headers: alloy,
      body: { userId: 'ann', ...fields },
      ...more,
    });
  const oauth = { authenticationType: 'oauth2', redirectUri: 'https://example.com' };
  const key = { authenticationType: 'api_key', apiKey: goodApiKey };
  const link = await connect('oauthUrl of a person', oauth);
  report.add('oauthUrl and nothing else', fields(link, ['oauthUrl']));
  await connect('oauthUrl of a backend’s user', { ...oauth, userId: 'cleo' }, { token: backend });
  const made = await connect('credentialId of a key', key);
  report.add('credentialId and nothing else', fields(made, ['credentialId']));
  const { credentialId: tokens } = await connect('credentialId of an OAuth client', {
    authenticationType: 'oauth2_client_credentials',
  });
  await connect('credentialId of a backend’s user', { ...key, userId: 'cleo' }, { token: backend });

  const asked = { path: credentials, headers: alloy };
  await check('list credentials', list, 200, { ...asked, token: ann });
  const forCleo = { ...alloy, 'x-alloy-userid': 'cleo' };
  await check('list credentials of a backend’s user', list, 200, { ...asked, token: backend, headers: forCleo });
  await check('list the credentials of somebody without any', list, 200, { ...asked, token: bob });
  await check('metadata', metadata, 200, { ...asked, path: `${credentials}/metadata`, token: ann });

  const connection = `/connection/${made.credentialId}`;
  const read = (path: string, more: Partial<Request> = {}): Request => ({
    path: `${path}/credentials`,
    token: ann,
    ...more,
  });
  await check('read a key', secret, 200, read(connection));
  await check(
    'read OAuth tokens',
    secret,
    200,
    read(`/connection/${tokens}`, { headers: { 'x-api-version': '2024-03-27' } }),
  );
  await check('a token that can be none', secret, 400, read(connection, { token: 'abc' }));
  await check(
    'a version that is not served',
    secret,
    400,
    read(connection, { headers: { 'x-api-version': '2031-01-01' } }),
  );
  await check('a token that is unknown', secret, 401, read(connection, { token: 'kw_unknown' }));
  const share = { with: 'user:bob', permission: 'view' };
  await check('share a connection', own, 200, { method: 'PUT', path: `${connection}/shares`, token: ann, body: share });
  await check('read a key that is shared', secret, 403, read(connection, { token: bob }));
  await check('read what is not there', secret, 404, read(`/connection/${randomUUID()}`));
  // The URN is a UUID to the document and none to Keyward (RFC 9562 §4 has the form without).
  await check('an id in another form', secret, 422, read(`/connection/urn:uuid:${made.credentialId}`));

  await check('Fishnet’s list', own, 200, { path: '/api/credentials', token: ann });
  await check('Fishnet’s list with an unknown token', own, 401, { path: '/api/credentials', token: 'kw_unknown' });
  await check('read a connection', own, 200, { path: connection, token: ann });

  for (const [name, proxy] of Object.entries({ create, list, metadata, secret })) {
    const open = documented(proxy.document).filter((status) => !seen.get(proxy)?.has(status));
    report.add(
      `${name}: every documented status was provoked`,
      open.map((status) => `${status} was not`),
    );
  }
}

/** What is wrong with an answer. */
export function problemsOf({ status, violations }: Answer, expected: number): string[] {
  return [...(status === expected ? [] : [`answered ${status}`]), ...violations];
}

function fields(body: object, expected: readonly string[]): string[] {
  const names = Object.keys(body).join(', ');
  return names === expected.join(', ') ? [] : [`has ${names}`];
}

function documented({ paths }: Document): number[] {
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  return operations.flatMap(({ responses }) => Object.keys(responses).map(Number));
}
