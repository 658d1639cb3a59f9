/** Scopes that somebody wants of a service instead of the usual ones: fewer, or others. */
import { usesTokenEndpoint } from '../../connectors/auth-kinds.ts';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import { fieldsOf } from './fields.ts';

type Given = Readonly<Record<string, unknown>>;

type TakenScopes = {
  /** Null where none were named, or where a field of the connector holds them. */
  readonly scopes: readonly string[] | null;
  /** What was given besides. */
  readonly fields: Given;
  /** What is wrong with the scopes, worded to follow the field's name. */
  readonly problem?: string;
};

/** Longest list, in characters; no service grants as much. */
const maxLength = 8_192;

/** True for the ways of connecting where scopes are asked for and no field of the connector holds them. */
export function takesScopes(connector: Connector, auth: AuthMethod): boolean {
  return usesTokenEndpoint(auth) && !fieldsOf(connector, auth).has(auth.scopesInput ?? 'scopes');
}

/**
 * Takes `scopes` out of what was given to connect, where the connector has no field for them: scope tokens (RFC 6749 §3.3)
 * with spaces or commas between them.
 */
export function takeScopes(connector: Connector, auth: AuthMethod, given: Given): TakenScopes {
  const { scopes, ...fields } = given;
  if (scopes === undefined || scopes === null || !usesTokenEndpoint(auth)) return { scopes: null, fields: given };
  if (!takesScopes(connector, auth)) {
    return { scopes: null, fields: { ...fields, [auth.scopesInput ?? 'scopes']: scopes } };
  }
  if (typeof scopes !== 'string') return { scopes: null, fields, problem: 'must be a string' };
  const tokens = scopes.split(/[\s,]+/).filter((token) => token !== '');
  const good = tokens.every((token) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(token)) && scopes.length <= maxLength;
  if (tokens.length === 0 || !good)
    return { scopes: null, fields, problem: 'must be scopes as the service writes them, separated by spaces' };
  return { scopes: [...new Set(tokens)], fields };
}
