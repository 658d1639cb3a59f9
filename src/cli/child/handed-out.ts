/** The secrets that a child gets: found by name, released with their owner's approval, and known to what masks them. */

import type { Broker } from '../../broker/broker.ts';
import { spellingsOf } from '../../broker/calls/api-request.ts';
import { getConnectionCredentials } from '../../broker/credentials/release.ts';
import { fieldMeant, releaseFields } from '../../broker/credentials/release-fields.ts';
import type { ConnectionView } from '../../broker/credentials/view.ts';
import { hasCode, KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import { findConnection } from '../connection-name.ts';
import { withApproval } from '../terminal/approval.ts';
import type { Reference } from './references.ts';

/** Variable → its value; and every text that must not be seen in what the child prints. */
type HandedOut = { readonly values: Readonly<Record<string, string>>; readonly secrets: readonly string[] };

/** A reference, and the connection that it means. */
export type Found = { readonly reference: Reference; readonly connection: ConnectionView };

/** The connection of each reference. An error names the variable that asks for what there is not. */
export async function findReferences(
  broker: Broker,
  principal: Principal,
  references: readonly Reference[],
): Promise<Found[]> {
  const found: Found[] = [];
  for (const reference of references) {
    const connection = await about(reference, findConnection(broker, principal, reference.connection));
    found.push({ reference, connection });
  }
  return found;
}

/**
 * Releases what the references mean. Each of them is looked up before anything is released, and nothing is answered unless
 * everything could be.
 *
 * @throws KeywardError `release_refused`, `approval_required` and `approval_denied` of the release, `invalid_input`
 */
export async function handOut(
  broker: Broker,
  principal: Principal,
  references: readonly Reference[],
): Promise<HandedOut> {
  const found = await findReferences(broker, principal, references);
  const meant: (Found & { readonly field: string })[] = [];
  for (const one of found) {
    const { reference, connection } = one;
    const field = await about(reference, async () => fieldMeant(broker, connection, reference.field));
    meant.push({ ...one, field });
  }
  const released = new Map<string, Readonly<Record<string, unknown>>>();
  for (const { connection } of meant) {
    const { credentialId: connectionId } = connection;
    if (released.has(connectionId)) continue;
    const work = () => getConnectionCredentials(broker, principal, { connectionId });
    released.set(connectionId, (await withApproval(broker, principal, work).catch(otherWay)).credentials);
  }
  const values: Record<string, string> = {};
  const secrets: string[] = [];
  for (const { reference, connection, field } of meant) {
    const value = released.get(connection.credentialId)?.[field];
    if (typeof value !== 'string' || value.includes('\0')) throw noText(reference, connection, field);
    values[reference.variable] = value;
    if (releaseFields(broker, connection).secret.includes(field)) secrets.push(value);
  }
  return { values, secrets: spellingsOf(secrets) };
}

/** The same error, which says for which variable. */
async function about<T>({ variable }: Reference, work: Promise<T> | (() => Promise<T>)): Promise<T> {
  try {
    return await (typeof work === 'function' ? work() : work);
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    const { code, message, hint, details } = error;
    throw new KeywardError(code, `${variable}: ${message}`, { ...(hint !== undefined && { hint }), details });
  }
}

/** Where secrets are never handed out, a program can still use them. */
function otherWay(error: unknown): never {
  if (!hasCode(error, 'release_refused')) throw error;
  throw new KeywardError(error.code, error.message, {
    hint: 'With keyward run --gateway a program uses connections without their secrets.',
  });
}

function noText({ variable }: Reference, { name }: ConnectionView, field: string): KeywardError {
  return new KeywardError('invalid_input', `${variable}: the field ${field} of ${name} holds no text for a variable.`, {
    hint: 'Name another field, or connect the service anew with that field.',
  });
}
