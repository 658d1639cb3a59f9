/** Further issuers, of workloads and of people who come with tokens only: `KEYWARD_ISSUERS`. */
import { KeywardError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { type Scope, scopes } from '../principal.ts';
import { oneLine } from '../text.ts';
import { issuer } from './values.ts';

/** An issuer whose JWTs are accepted as far as its entry says. */
export type FurtherIssuer = {
  readonly issuer: string;
  /** Null means the URL of the MCP endpoint. */
  readonly audience: string | null;
  /** Null: all are of `tenant`. */
  readonly tenantClaim: string | null;
  /** There where no claim names the tenant. */
  readonly tenant?: string;
  readonly userClaim: string;
  /** Null: a token says no scopes, and all that are granted are its. */
  readonly scopeClaim: string | null;
  readonly granted: {
    /** At most these. */
    readonly scopes: readonly Scope[];
    /** By claim: one of these patterns has to fit it, in which `*` stands for anything without `/` and `:`. */
    readonly required: Readonly<Record<string, readonly string[]>>;
  };
};

const fields = ['issuer', 'audience', 'tenant', 'tenantClaim', 'userClaim', 'scopeClaim', 'scopes', 'require'];

/** Longest name of a tenant, in characters. */
const maxTenant = 255;

/**
 * A JSON list of issuers.
 *
 * @throws KeywardError `config_invalid`, which repeats no value
 */
export function readIssuers(text: string): readonly FurtherIssuer[] {
  let given: unknown;
  try {
    given = parseJson(text);
  } catch {
    throw wrong('must be a list in JSON');
  }
  if (!Array.isArray(given)) throw wrong('must be a list in JSON');
  const issuers = given.map(readIssuer);
  if (new Set(issuers.map((one) => one.issuer)).size < issuers.length) throw wrong('must name each issuer once');
  return issuers;
}

function readIssuer(entry: unknown, index: number): FurtherIssuer {
  const at = `entry ${index + 1}:`;
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) throw wrong(`${at} must be an object`);
  const given = entry as Readonly<Record<string, unknown>>;
  if (Object.keys(given).some((name) => !fields.includes(name))) throw wrong(`${at} may hold ${fields.join(', ')}`);
  const text = (name: string): string | null => {
    const value = given[name];
    if (value === undefined) return null;
    if (typeof value !== 'string' || value === '') throw wrong(`${at} ${name} must be a text`);
    return value;
  };
  const name = text('issuer');
  if (name === null) throw wrong(`${at} issuer is missing`);
  const [tenant, tenantClaim] = [text('tenant'), text('tenantClaim')];
  // What is shared with a whole tenant reaches whoever is of it: nobody becomes that by leaving something out.
  if ((tenant === null) === (tenantClaim === null)) {
    throw wrong(`${at} either tenant, the name of one, or tenantClaim must be there`);
  }
  if (tenant !== null && oneLine(tenant, maxTenant) !== tenant) {
    throw wrong(`${at} tenant must be one line of 1 to ${maxTenant} characters`);
  }
  const known = listOf(given.scopes);
  if (known === null || known.some((scope) => !(scopes as readonly string[]).includes(scope))) {
    throw wrong(`${at} scopes must be some of ${scopes.join(', ')}`);
  }
  return {
    issuer: issuer(name),
    audience: text('audience'),
    tenantClaim,
    ...(tenant !== null && { tenant }),
    userClaim: text('userClaim') ?? 'sub',
    scopeClaim: text('scopeClaim'),
    granted: { scopes: known as readonly Scope[], required: requiredIn(given.require, at) },
  };
}

/** An issuer such as GitHub's gives tokens to everybody: without a claim that has to fit, everybody would come in. */
function requiredIn(given: unknown, at: string): Readonly<Record<string, readonly string[]>> {
  const claims = typeof given === 'object' && given !== null && !Array.isArray(given) ? Object.entries(given) : [];
  const required = claims.map(
    ([claim, value]) => [claim, typeof value === 'string' ? [value] : listOf(value)] as const,
  );
  if (required.length === 0 || required.some(([, values]) => values === null || values.includes(''))) {
    throw wrong(`${at} require must name at least one claim, each with the value or values that it may have`);
  }
  return Object.fromEntries(required) as Readonly<Record<string, readonly string[]>>;
}

/** A list of texts that is not empty; else null. */
function listOf(value: unknown): readonly string[] | null {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string') ? value : null;
}

function wrong(rule: string): KeywardError {
  return new KeywardError('config_invalid', rule);
}
