/** Which connection a person means: by its id, by its name, or by its connector where there is one of it. */
import { closestMatch } from 'leven';
import type { Broker } from '../broker/broker.ts';
import { getConnection, listCredentials } from '../broker/credentials/manage.ts';
import type { ConnectionView } from '../broker/credentials/view.ts';
import { maxLimit } from '../broker/input/paging.ts';
import { idIn } from '../broker/input/text.ts';
import { KeywardError } from '../errors.ts';
import type { Principal } from '../principal.ts';

/** Most connections that an error names. */
const mostNamed = 5;

/** All that the principal owns or was given a share of, as `list_credentials` orders them. */
export async function allConnections(
  broker: Broker,
  principal: Principal,
  connectorId?: string,
): Promise<ConnectionView[]> {
  const all: ConnectionView[] = [];
  let cursor: string | undefined;
  do {
    const page = await listCredentials(broker, principal, { connectorId, cursor, limit: maxLimit });
    all.push(...page.credentials);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return all;
}

/**
 * The connection that was typed. An assistant can name one as it likes, and another user can share one: a word that fits
 * several is never guessed, and what belongs to somebody else is meant by its id alone.
 *
 * @throws KeywardError `not_found` with the nearest name, `invalid_input` that lists the ids where several fit
 */
export async function findConnection(broker: Broker, principal: Principal, typed: string): Promise<ConnectionView> {
  const id = idIn(typed);
  if (id !== null) {
    return getConnection(broker, principal, { connectionId: id }).catch((error: unknown) => {
      throw error instanceof KeywardError && error.code === 'not_found' ? unknown(typed) : error;
    });
  }
  const all = await allConnections(broker, principal);
  const fitting = all.filter(({ name, connectorId }) => sameWord(name, typed) || sameWord(connectorId, typed));
  const own = fitting.filter(({ access }) => access === 'owner');
  const [only] = own;
  if (only !== undefined && own.length === 1) return only;
  if (own.length > 1) throw ambiguous(typed, own);
  throw fitting.length > 0 ? othersOnly(typed, fitting) : unknown(typed, all);
}

function sameWord(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function unknown(typed: string, all: readonly ConnectionView[] = []): KeywardError {
  const words = [...new Set(all.flatMap(({ name, connectorId }) => [name, connectorId]))];
  const nearest = closestMatch(typed, words, { maxDistance: Math.max(1, Math.floor(typed.length / 2)) });
  const meant = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  return new KeywardError('not_found', `There is no connection ${typed}.${meant}`, {
    hint: 'keyward list shows every connection; keyward connect makes one.',
  });
}

function ambiguous(typed: string, fitting: readonly ConnectionView[]): KeywardError {
  return byId(`${fitting.length} connections are called ${typed}.`, fitting);
}

function othersOnly(typed: string, fitting: readonly ConnectionView[]): KeywardError {
  return byId(`You have no connection ${typed} of your own; somebody shared one with you.`, fitting);
}

function byId(message: string, fitting: readonly ConnectionView[]): KeywardError {
  const some = fitting
    .slice(0, mostNamed)
    .map(({ credentialId, name, account }) => `${credentialId} (${[name, account].filter(Boolean).join(', ')})`);
  const more = fitting.length > mostNamed ? ` and ${fitting.length - mostNamed} more` : '';
  return new KeywardError('invalid_input', message, {
    hint: `Use the id of one of them: ${some.join(', ')}${more}.`,
  });
}
