/** For whom a command works. */
import { localPrincipal, type Principal } from '../principal.ts';
import type { Invocation } from './command.ts';

/** As `token create` takes it. */
const usualTenant = 'default';

/**
 * The owner whose records the command is about: the person at this computer, or the user that `--user` names, as whoever
 * can open the vault may.
 *
 * @param client what the audit log and the owner's approval call the program that acts
 */
export function principalOf({ flags }: Pick<Invocation, 'flags'>, client: string): Principal {
  const user = flags.get('user');
  const tenant = flags.get('tenant');
  if (user === undefined && tenant === undefined) return personAt(client);
  return { ...personAt(client), tenant: tenant ?? usualTenant, user: user ?? localPrincipal.user };
}

/** The person at this computer, by a command: what was approved for one is approved for no MCP client that has its name. */
export function personAt(client: string): Principal {
  return { ...localPrincipal, client, via: 'command line' };
}

/** Whose records they are, in words, and how to see others: “of ann, tenant default”. */
export function whoseRecords(principal: Principal): string {
  return isLocal(principal)
    ? 'of yours on this computer; --user shows those of a user of keyward http'
    : ofOwner(principal);
}

/** Whose they are, in a sentence: “of the person at this computer”, “of ann, tenant default”. */
export function ofOwner(principal: Principal): string {
  return isLocal(principal) ? 'of the person at this computer' : `of ${principal.user}, tenant ${principal.tenant}`;
}

function isLocal({ tenant, user }: Principal): boolean {
  return tenant === localPrincipal.tenant && user === localPrincipal.user;
}
