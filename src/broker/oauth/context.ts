/** What the OAuth protocol functions work on, and what they answer. They know no vault and no principal. */
import type { ClientCredentialsMethod, Connector, OAuth2Method } from '../../connectors/definition.ts';
import type { Egress } from '../../net/egress.ts';
import type { CredentialSecret } from '../../vault/vault.ts';

/** A registered OAuth client. `clientSecret` is null for a public client. */
export type OAuthClient = { readonly clientId: string; readonly clientSecret: string | null };

export type OAuthContext<Method = OAuth2Method | ClientCredentialsMethod> = {
  readonly egress: Egress;
  readonly connector: Connector;
  readonly auth: Method;
  /** Connection inputs, for URL templates (`https://{shop}.myshopify.com/…`). */
  readonly values: Readonly<Record<string, string>>;
  readonly client: OAuthClient;
  /** Scopes to ask for instead of the definition's. */
  readonly scopes: readonly string[] | null;
  readonly signal?: AbortSignal;
  /** Limit of one request in milliseconds; default 30,000. */
  readonly timeoutMs?: number;
};

/** Tokens as a credential stores them; `expiresAt` in milliseconds since 1970, null when they don't expire. */
export type TokenSet = Omit<Extract<CredentialSecret, { kind: 'tokens' }>, 'kind'>;
