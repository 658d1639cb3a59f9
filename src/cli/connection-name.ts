/** Which connection a person means: by its id, by its name, or by its connector where there is one of it. */
import { closestMatch } from 'leven';
import type { Broker } from '../broker/broker.ts';
import { getConnection, listCredentials } from '../broker/credentials/manage.ts';
import { ownMeant, severalMeant } from '../broker/credentials/meant.ts';
import type { ConnectionView } from '../broker/credentials/view.ts';
import { maxLimit } from '../broker/input/paging.ts';
import { idIn } from '../broker/input/text.ts';
import { KeywardError } from '../errors.ts';
import type { Principal } from '../principal.ts';

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
 * The connection that was typed: the one that `ownMeant` finds, or one by its id, whoever it belongs to.
 *
 * @throws KeywardError `not_found` with the nearest name, `invalid_input` that lists the ids where several fit
 */
export async function findConnection(broker: Broker, principal: Principal, typed: string): Promise<ConnectionView> {
  const id = idIn(typed);
  if (id !== null) return view(broker, principal, id, typed);
  const own = await ownMeant(broker, principal, typed);
  const [only] = own;
  if (only !== undefined && own.length === 1) return view(broker, principal, only.id, typed);
  if (own.length > 1) throw severalMeant(typed, own, `${own.length} connections are called ${typed}.`);
  const all = await allConnections(broker, principal);
  const fitting = all.filter(({ name, connectorId }) => sameWord(name, typed) || sameWord(connectorId, typed));
  throw fitting.length > 0 ? othersOnly(typed, fitting) : unknown(typed, all);
}

async function view(broker: Broker, principal: Principal, id: string, typed: string): Promise<ConnectionView> {
  return getConnection(broker, principal, { connectionId: id }).catch((error: unknown) => {
    throw error instanceof KeywardError && error.code === 'not_found' ? unknown(typed) : error;
  });
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

function othersOnly(typed: string, fitting: readonly ConnectionView[]): KeywardError {
  const others = fitting.map(({ credentialId: id, name, account }) => ({ id, name, account }));
  return severalMeant(typed, others, `You have no connection ${typed} of your own; somebody shared one with you.`);
}
