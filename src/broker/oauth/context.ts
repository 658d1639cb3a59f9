/** What the OAuth protocol functions work on, and what they answer. They know no vault and no principal. */
import type { Connector, OAuth2Method, TokenMethod } from '../../connectors/definition/definition.ts';
import { wholeUrl, wholeVariable } from '../../connectors/template.ts';
import { defaultTimeoutMs } from '../../net/deadline.ts';
import type { Egress } from '../../net/egress.ts';
import type { SigningKey } from './client-assertion.ts';

/** A registered OAuth client. `clientSecret` is null for a public client, and for one that has a key. */
export type OAuthClient = {
  readonly clientId: string;
  readonly clientSecret: string | null;
  /** Makes the key of a client that authenticates with `private_key_jwt` ready. */
  readonly key?: () => Promise<SigningKey>;
};

export type OAuthContext<Method = TokenMethod> = {
  readonly egress: Egress;
  readonly connector: Connector;
  readonly auth: Method;
  /** Connection inputs, for URL templates (`https://{shop}.myshopify.com/…`). */
  readonly values: Readonly<Record<string, string>>;
  readonly client: OAuthClient;
  /** Scopes to ask for instead of the definition's: the connection's own, else those of its auth config. */
  readonly scopes: readonly string[] | null;
  /** Where client secret and tokens may go, as on an auth config; null: wherever the definition says. */
  readonly hosts: readonly string[] | null;
  readonly signal?: AbortSignal;
  /** Limit of one operation in milliseconds, retries included; default 30,000. */
  readonly timeoutMs?: number;
};

/** One operation under way: everything it sends, discovery and retries included, ends by `until`. */
export type Operation<Method = TokenMethod> = OAuthContext<Method> & {
  /** On the clock of `performance.now()`, which nobody sets. */
  readonly until: number;
  /** Called with each place that was searched for metadata, and what it said: see search.ts. */
  readonly asked?: (place: string, said: string) => void;
};

/** Starts the clock of an operation. */
export function begin<Method>(context: OAuthContext<Method>): Operation<Method> {
  return { ...context, until: performance.now() + (context.timeoutMs ?? defaultTimeoutMs) };
}

/** Fields that the connector keeps of the token answer or the callback. */
export type Kept = Readonly<Record<string, string>>;

/** Tokens as a server grants them; times in milliseconds since 1970, null where there is no end or none is known. */
export type TokenSet = {
  readonly accessToken: string;
  readonly tokenType: string;
  readonly refreshToken: string | null;
  readonly expiresAt: number | null;
  readonly refreshExpiresAt?: number | null;
  readonly scopes: readonly string[] | null;
  readonly kept: Kept;
  /** Hosts of the server that granted them: what renews them goes to no other. */
  readonly serverHosts?: readonly string[];
};

/** The scopes to ask for: those that somebody chose, else those of an input, else those of the definition. */
export function scopesOf({ auth, scopes, values }: OAuthContext): readonly string[] {
  if (scopes !== null) return scopes;
  const named = auth.scopesInput === null ? '' : (values[auth.scopesInput] ?? '');
  return named === '' ? auth.scopes : named.split(/\s+/).filter((scope) => scope !== '');
}

/** The scopes of a grant: a server that does not name them granted what was asked for (RFC 6749 §5.1). */
export function grantedScopes(context: OAuthContext, answered: readonly string[] | null): readonly string[] | null {
  const asked = scopesOf(context);
  return answered ?? (asked.length === 0 ? null : asked);
}

/** True when this client proves by PKCE (RFC 7636) that the code is its own. */
export function usesPkce({ auth, client }: OAuthContext<OAuth2Method>): boolean {
  if (auth.pkce === 'public_clients') return client.clientSecret === null;
  return auth.pkce !== 'none';
}

/** The scopes as a parameter, under the name and with the separator that the service wants; nothing without scopes. */
export function scopeParams(context: OAuthContext): Record<string, string> {
  const scopes = scopesOf(context);
  return scopes.length === 0 ? {} : { [context.auth.scopeParam]: scopes.join(context.auth.scopeSeparator) };
}

/** The issuer, where the definition or the connection names one. */
export function issuerOf({ auth, values }: OAuthContext): string | null {
  const whole = wholeVariable(auth.issuer);
  if (whole === null) return auth.issuer;
  wholeUrl(values, whole);
  return values[whole] ?? null;
}

/** What templates may name. A connection's inputs win over what a service sent: they were there first. */
export function variables(context: OAuthContext, kept: Kept = {}): Record<string, string> {
  return { ...kept, ...context.values, clientId: context.client.clientId };
}
