/** Who the claims of a configured issuer's token name. */
import { type Owner, userOfIssuer } from '../../principal.ts';
import { oneLine } from '../input/text.ts';

/** The issuer, and which claims of its tokens name people. */
export type ClaimNames = {
  /** Exactly as it calls itself. */
  readonly issuer: string;
  /** Null: everybody is of one tenant. */
  readonly tenantClaim: string | null;
  /** That one tenant; without it `default`. */
  readonly tenant?: string;
  readonly userClaim: string;
};

/** Everybody's tenant where nothing names one. */
const onlyTenant = 'default';

/** The person that verified claims name; null when a claim is missing or is no name. */
export function personIn(claims: Readonly<Record<string, unknown>>, names: ClaimNames): Owner | null {
  const tenant = names.tenantClaim === null ? (names.tenant ?? onlyTenant) : nameIn(claims[names.tenantClaim]);
  const subject = nameIn(claims[names.userClaim]);
  return tenant === null || subject === null ? null : { tenant, user: userOfIssuer(names.issuer, subject) };
}

/** A name is taken as it is or not at all: two that differ must never become one. */
function nameIn(claim: unknown): string | null {
  return typeof claim === 'string' && oneLine(claim, 255) === claim ? claim : null;
}

/** Whether every claim that has to fit does: a text, or one of a list of texts, as a pattern of that claim says. */
export function fits(
  claims: Readonly<Record<string, unknown>>,
  required: Readonly<Record<string, readonly string[]>>,
): boolean {
  return Object.entries(required).every(([claim, patterns]) => {
    const values = [Object.hasOwn(claims, claim) ? claims[claim] : []].flat();
    return values.some((value) => typeof value === 'string' && patterns.some((pattern) => matches(value, pattern)));
  });
}

/** `*` stands for anything but `/` and `:`, which part the names of repositories, branches and service accounts. */
function matches(value: string, pattern: string): boolean {
  const parts = pattern.split(/\*+/).map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return value.length <= 1_024 && new RegExp(`^${parts.join('[^/:]*')}$`, 'su').test(value);
}
