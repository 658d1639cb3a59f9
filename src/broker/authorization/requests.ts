/** Requests for authorization that wait for a person. A browser knows one by a name of chance, of which a digest is kept. */
import { hasCode } from '../../errors.ts';
import { nobody } from '../../principal.ts';
import { idOfDigest } from '../input/text.ts';
import type { Parts } from './assistants.ts';
import { keepMakingRoom } from './making-room.ts';

type Request = Readonly<Record<string, unknown>>;

/** Keeps the request, or what became of it. */
export async function keepRequest(parts: Parts, name: string, request: Request, expiresAt: number): Promise<void> {
  const { vault } = parts;
  const found = await vault.get('authorization', nobody, idFor(parts, name));
  if (found !== undefined) {
    return vault.commit([{ op: 'update', kind: 'authorization', record: { ...found, expiresAt }, secret: request }]);
  }
  const record = { id: idFor(parts, name), tenant: nobody.tenant, owner: nobody.user, expiresAt };
  await keepMakingRoom(parts, { op: 'create', kind: 'authorization', record, secret: request });
}

/** The request as it was kept; null when it is over, was answered, or never was. */
export async function findRequest(parts: Parts, name: string): Promise<Request | null> {
  const { vault } = parts;
  const found = await vault.get('authorization', nobody, idFor(parts, name));
  if (found === undefined || found.expiresAt <= Date.now()) return null;
  return vault.open('authorization', found).catch((error: unknown) => {
    if (hasCode(error, 'not_found')) return null;
    throw error;
  });
}

/** Takes the request away. False when somebody else did, so that of two answers one counts. */
export async function takeRequest(parts: Parts, name: string): Promise<boolean> {
  const { vault } = parts;
  const record = await vault.get('authorization', nobody, idFor(parts, name));
  if (record === undefined) return false;
  try {
    await vault.commit([{ op: 'delete', kind: 'authorization', record }]);
    return true;
  } catch (error) {
    if (hasCode(error, 'conflict', 'not_found')) return false;
    throw error;
  }
}

function idFor({ vault }: Parts, name: string): string {
  return idOfDigest(vault.proof('authorization-request', name));
}
