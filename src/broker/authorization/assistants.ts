/**
 * Assistants: programs that a person let in, each with a name, scopes, limits and an end. Everything that such a program
 * comes with is checked against its record, so that ending it ends its tokens at once, in every process on the vault.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { hasCode, KeywardError } from '../../errors.ts';
import { forEvery } from '../../in-parallel.ts';
import type { Owner, Principal, Scope } from '../../principal.ts';
import type { Assistant, StoredLimits, Vault } from '../../vault/vault.ts';
import { allOf } from '../input/paging.ts';
import { idIn, isId } from '../input/text.ts';
import { who } from '../policy/policy.ts';
import { noteEnd } from './registrations.ts';

export type { Assistant };

/** What assistants need of a broker. */
export type Parts = { readonly vault: Vault };

/** So many of one person; one more ends the one that was not used for the longest time. */
const maxAssistants = 50;
/** The program has this long to fetch its first tokens after its person said yes. */
const promiseMs = 120_000;
/** So long it is counted how many a person let in. */
const recentMs = 3_600_000;

/** What a person agreed to. */
type Agreement = Pick<Assistant, 'clientId' | 'name' | 'vouchedBy' | 'resource' | 'endsAt'> & {
  readonly scopes: readonly Scope[];
  readonly limits?: StoredLimits;
};

/**
 * Lets a program in for this person. It has no token yet; answers its id. The audit log has it before it is done.
 *
 * @throws KeywardError `limit_reached` for one who let very many in within an hour
 */
export async function letIn(parts: Parts, person: Owner, agreement: Agreement): Promise<string> {
  const { vault } = parts;
  const { tenant, user } = person;
  const id = randomUUID();
  const record = {
    ...agreement,
    id,
    tenant,
    owner: user,
    status: 'promised',
    rotation: 0,
    expiresAt: Math.min(agreement.endsAt, Date.now() + promiseMs),
  } as const;
  const secret = { key: randomBytes(32).toString('base64url'), code: null };
  const recent = { id: randomUUID(), tenant, owner: user, expiresAt: Date.now() + recentMs };
  await vault.purge('recentAssistant', Date.now());
  await vault.requireRoom('recentAssistant', person);
  await vault.audit({ ...asPerson(person), action: 'assistant.create', subject: id, outcome: 'allowed' });
  await vault.purge('assistant', Date.now());
  await vault.commit([
    { op: 'create', kind: 'assistant', record, secret },
    { op: 'create', kind: 'recentAssistant', record: recent, secret: {} },
  ]);
  const others = (await everyOne(parts, person)).filter((one) => one.id !== id);
  const tooMany = Math.max(0, others.length + 1 - maxAssistants);
  const oldest = others.toSorted((a, b) => a.updatedAt - b.updatedAt).slice(0, tooMany);
  await forEvery(oldest, (assistant) => end(parts, asPerson(person), assistant));
  return id;
}

/** Writes down that a person said no to a program. */
export async function noteRefusal({ vault }: Parts, person: Owner): Promise<void> {
  await vault.audit({ ...asPerson(person), action: 'assistant.create', outcome: 'refused', code: 'access_denied' });
}

/** The programs that this person let in and that have not ended, oldest first. */
export async function assistantsOf(parts: Parts, person: Owner): Promise<Assistant[]> {
  return (await everyOne(parts, person)).filter((one) => one.status === 'active' && isOpen(one));
}

/** The programs that anybody let in and that have not ended, oldest first, for whoever runs Keyward. */
export async function allAssistants({ vault }: Parts): Promise<Assistant[]> {
  const all = await allOf((page) => vault.listTokens('assistant', page));
  return all.filter((one) => one.status === 'active' && isOpen(one));
}

/**
 * Ends an assistant of this person.
 *
 * @throws KeywardError `not_found`
 */
export async function endAssistant(parts: Parts, by: Principal, id: string): Promise<void> {
  const found = isId(id) ? await parts.vault.get('assistant', by, id) : undefined;
  if (found === undefined) {
    throw new KeywardError('not_found', 'There is no such assistant.', { hint: 'It may have ended already.' });
  }
  await end(parts, who(by), found);
}

/** Ends an assistant, whoever's it is, for whoever runs Keyward. False when there is none. */
export async function endAssistantOf(parts: Parts, by: Principal, id: string): Promise<boolean> {
  const found = await parts.vault.findAssistant(idIn(id) ?? '');
  if (found !== undefined) await end(parts, who(by), found);
  return found !== undefined;
}

/** Ends every assistant of this person; answers how many that were. */
export async function endAssistants(parts: Parts, by: Principal): Promise<number> {
  const found = await everyOne(parts, by);
  await forEvery(found, (assistant) => end(parts, who(by), assistant));
  return found.filter(isOpen).length;
}

/** Ends an assistant, whoever's it is: its program gave it up, or something that it was given came a second time. */
export async function endGrant(parts: Parts, id: string, why: 'revoked' | 'reused'): Promise<void> {
  const found = isId(id) ? await parts.vault.findAssistant(id) : undefined;
  if (found === undefined) return;
  const by = { tenant: found.tenant, user: found.owner, client: found.name };
  await end(parts, by, found, why === 'reused' ? { code: 'token_reused' } : {});
}

/** The assistant with this id that has not ended, whoever's it is. */
export async function findAssistant({ vault }: Parts, id: string): Promise<Assistant | null> {
  const found = isId(id) ? await vault.findAssistant(id) : undefined;
  return found !== undefined && isOpen(found) ? found : null;
}

function isOpen({ expiresAt }: Assistant): boolean {
  return expiresAt > Date.now();
}

function everyOne({ vault }: Parts, { tenant, user }: Owner): Promise<Assistant[]> {
  return vault.list('assistant', { tenant, user }, {}, { limit: 10 * maxAssistants });
}

/** What an assistant is called. A program chose its name: the id keeps it apart from others, and from Keyward's own words, such as `page`. */
export function nameOfAssistant({ id, name }: Pick<Assistant, 'id' | 'name'>): string {
  return `${name} (assistant ${id.slice(0, 8)})`;
}

/** What an assistant proved itself with, as `via` of a principal. */
export function viaAssistant({ id }: Pick<Assistant, 'id'>): string {
  return `assistant ${id}`;
}

/** Takes the record away, whatever version of it: a refresh at this moment must not save it. */
async function end(
  { vault }: Parts,
  by: ReturnType<typeof who>,
  assistant: Assistant,
  more: { readonly code?: string } = {},
): Promise<void> {
  await vault.audit({ ...by, action: 'assistant.end', subject: assistant.id, outcome: 'allowed', ...more });
  for (let record: Assistant | undefined = assistant; record !== undefined; ) {
    try {
      await vault.commit([{ op: 'delete', kind: 'assistant', record }]);
      // One that was promised was not counted.
      if (record.status === 'active') await noteEnd({ vault }, record.clientId);
      return;
    } catch (error) {
      if (!hasCode(error, 'conflict')) throw error;
      record = await vault.findAssistant(assistant.id);
    }
  }
}

function asPerson({ tenant, user }: Owner): ReturnType<typeof who> {
  return { tenant, user, client: 'page' };
}
