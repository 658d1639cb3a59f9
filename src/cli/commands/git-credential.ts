/** `keyward git-credential`: a credential helper of git (gitcredentials(7)). */
import type { Broker } from '../../broker/broker.ts';
import { gitLogin, isForGit } from '../../broker/credentials/git-login.ts';
import { verifyCredential } from '../../broker/credentials/verify.ts';
import type { ConnectionView } from '../../broker/credentials/view.ts';
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Invocation, Run } from '../command.ts';
import { allConnections, findConnection } from '../connection-name.ts';
import { type GitRequest, gitAnswer, readGitRequest } from '../git/request.ts';
import { withApproval } from '../terminal/approval.ts';
import { withConnections } from '../with-store.ts';

/** What Keyward knows nothing about is left to the next helper: git asks each of them, and the person last. */
export const gitCredential: Run = async (invocation) => {
  const [operation] = invocation.words;
  const request = await readGitRequest(process.stdin, invocation.config.egressAllow);
  // Nothing is stored that Keyward was not connected with. Other operations are to be ignored, says git.
  if (request === null || (operation !== 'get' && operation !== 'erase')) return 0;
  return withConnections(invocation, `keyward git-credential for ${request.url.host}`, async (broker, principal) => {
    const connection = await connectionFor(broker, principal, request, invocation);
    if (connection === null) return 0;
    if (operation === 'get') await answer(broker, principal, connection);
    // It was refused. What the service says of it counts, and is noted.
    else await verifyCredential(broker, principal, { credentialId: connection.credentialId });
    return 0;
  });
};

async function answer(broker: Broker, principal: Principal, connection: ConnectionView): Promise<void> {
  const work = () => gitLogin(broker, principal, connection);
  const { username, password, expiresAt } = await withApproval(broker, principal, work);
  process.stdout.write(gitAnswer({ username, password, password_expiry_utc: expiresAt }));
}

/** The connection for what git asks; null where there is none. */
async function connectionFor(
  broker: Broker,
  principal: Principal,
  request: GitRequest,
  { flags }: Invocation,
): Promise<ConnectionView | null> {
  const named = flags.get('connection');
  const all =
    named === undefined ? await allConnections(broker, principal) : [await findConnection(broker, principal, named)];
  const fitting = all.filter((one) => isForGit(broker, one, request.url));
  const nearest = narrowed(fitting, [
    ({ status }) => status === 'active',
    ({ name, account }) => request.username !== '' && [name, account].includes(request.username),
    ({ baseUrl }) => isBelow(request, baseUrl),
  ]);
  if (nearest.length <= 1) return nearest[0] ?? null;
  const names = nearest.map(({ name }) => name).join(', ');
  throw new KeywardError('invalid_input', `${nearest.length} connections are for ${request.url.host}: ${names}.`, {
    hint: 'Set git’s credential.helper to !keyward git-credential --connection <connection> for that address.',
  });
}

/** Those that have a property, as long as one has it; of the rest those that have the next. */
function narrowed<T>(all: readonly T[], properties: readonly ((one: T) => boolean)[]): readonly T[] {
  return properties.reduce((left, has) => (left.some(has) ? left.filter(has) : left), all);
}

/** Whether the repository is below the address of the connection: an organization may be part of both. */
function isBelow({ url, path }: GitRequest, baseUrl: string | undefined): boolean {
  if (baseUrl === undefined || path === '') return false;
  const base = new URL(baseUrl);
  const within = `${base.pathname.replace(/\/+$/, '')}/`;
  return base.host === url.host && within !== '/' && `/${path}`.startsWith(within);
}
