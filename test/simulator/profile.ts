/** How a simulated authorization server and API behave: everything that real ones do differently, as data. */

/** What goes wrong on the way, whatever was asked. */
export type Fault =
  /** Nothing for so long, then the proper answer. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** This status, with `Retry-After` in seconds if there is one. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: number }
  /** The first half of the proper answer, then the connection ends. */
  | { readonly kind: 'truncated' }
  /** A page for people, with status 200. */
  | { readonly kind: 'html' }
  /** The proper status, and white space without end. */
  | { readonly kind: 'giant' }
  /** The connection is closed instead. */
  | { readonly kind: 'reset' }
  /** A redirect to another host, which would like to see what was sent here. */
  | { readonly kind: 'redirect' };

export type Endpoint = 'token' | 'refresh' | 'revoke' | 'discovery' | 'api';

/** How a client has to prove who it is; anything else is refused. `raw`: Basic without the form encoding of RFC 6749. */
export type ClientAuth = 'basic' | 'raw' | 'post' | 'none';

/** How a token is revoked; by the book as RFC 7009 has it, with the client's authentication at the token endpoint. */
export type Revocation = {
  /** `anybody`: whoever has the token. `bearer`: the token that calls is the one that ends. */
  readonly by: ClientAuth | 'anybody' | 'bearer';
  readonly method: 'POST' | 'DELETE';
  readonly body: 'form' | 'json';
  /** Name of the parameter with the token. */
  readonly param: string;
  /** The tokens it knows; others are unknown to it. */
  readonly token: 'any' | 'access' | 'refresh';
};

export type Addresses = {
  readonly authorize: string;
  readonly token: string;
  /** Where it is not that of the tokens. */
  readonly refresh?: string;
  readonly revoke?: string;
  /** Method, address and query of the one call that its API knows. */
  readonly api: string;
};

export type Profile = {
  /** One line for people. */
  readonly about: string;
  /** Which real services do this, where that is known. */
  readonly like: readonly string[];

  /**
   * Where its endpoints are, without `https://` and with what a test fills in; anything else is not found. Null: anywhere,
   * as what follows an endpoint's name is ignored then.
   */
  readonly at: Addresses | null;
  /** Client authentication at the token endpoint, and at a refresh. */
  readonly clientAuth: ClientAuth;
  readonly refreshAuth: ClientAuth;
  readonly body: 'form' | 'json';
  /** Name of the parameter with the client id, at both endpoints. */
  readonly clientIdParam: string;
  /** `refused`: the service fails on parameters that it does not know. */
  readonly pkce: 'required' | 'optional' | 'refused';
  readonly scopeParam: string;
  readonly scopeSeparator: string;
  /** Parameters that an authorization request must carry, or no refresh token comes out of it. */
  readonly offlineParams: Readonly<Record<string, string>>;
  /** A scope that an authorization request must hold, or no refresh token comes out of it. */
  readonly offlineScope: string | null;
  /** Parameters that the exchange of a code must carry. */
  readonly exchangeParams: Readonly<Record<string, string>>;
  /** Headers that every request to the token endpoint must carry. */
  readonly tokenHeaders: Readonly<Record<string, string>>;

  /** Parameters that the callback carries besides code and state. */
  readonly callback: Readonly<Record<string, string>>;
  /** `iss` of the callback (RFC 9207). */
  readonly iss: 'absent' | 'right' | 'wrong';
  /** Whether the metadata says that `iss` is sent, and which issuer it names. */
  readonly metadata: { readonly advertisesIss: boolean; readonly issuer: 'right' | 'wrong' };
  /** Whether a code is still good when it comes back. */
  readonly codes: 'good' | 'expired';
  /** An error that comes back instead of a code. */
  readonly authorizeError: string | null;

  readonly answer: {
    readonly as: 'json' | 'form';
    readonly status: number;
    /** Status of errors. */
    readonly errorStatus: number;
    /** Where the token is, and what else stands beside it. */
    readonly nest: string | null;
    readonly beside: Readonly<Record<string, unknown>>;
    /** Names of errors, where they are not the standard ones. */
    readonly errors: Readonly<Record<string, string>>;
    /** Those of a refresh, where they are others. */
    readonly refreshErrors: Readonly<Record<string, string>>;
    /** Where the name of an error is. */
    readonly errorAt: string;
    readonly tokenType: string | null;
    readonly scope: 'spaces' | 'commas' | 'list' | 'absent';
    /** `zero`: how some say that there is no end. */
    readonly expiresIn: 'number' | 'text' | 'null' | 'zero' | 'milliseconds' | 'absent';
    /** Fields beside the token. */
    readonly extra: Readonly<Record<string, string | number>>;
  };

  /** How far its clock is ahead of ours, in milliseconds. */
  readonly clockAheadMs: number;
  /** Seconds that an access token lives; null: for ever. */
  readonly lifetime: number | null;
  readonly refresh: {
    /**
     * `none`: no refresh token. `same`: it is sent again. `omitted`: it stays, and is not sent again. `rotates`: using an
     * old one ends the grant. `grace`: an old one works for a while more.
     */
    readonly kind: 'none' | 'same' | 'omitted' | 'rotates' | 'grace';
    /** Refused without the scopes. */
    readonly needsScope: boolean;
    /** Parameters that a refresh must carry. */
    readonly params: Readonly<Record<string, string>>;
    /** Seconds from consent to the day that a person is needed again, if nothing is refreshed; null: not documented. */
    readonly lasts: number | null;
    /** An error that every refresh gets. */
    readonly error: string | null;
  };
  /** Null: nothing can be revoked. */
  readonly revocation: Revocation | null;

  readonly api: {
    /** Where the token has to be, and what stands before it in a header; null: the service has keys, in address or headers. */
    readonly accepts: { readonly header: string; readonly scheme?: string } | { readonly query: string } | null;
    /** Headers that every call must carry, the keys among them. */
    readonly headers: Readonly<Record<string, string>>;
    /** The answer to everything. */
    readonly body: unknown;
    /** The answer to a token that is not good. */
    readonly refusal: { readonly status: number; readonly body: unknown };
    /** A refusal of every call, for scopes that were not granted. */
    readonly forbids: string | null;
  };
  readonly faults: Partial<Readonly<Record<Endpoint, Fault & { readonly times?: number }>>>;
};

/** A service by the book: Basic, PKCE with S256, JSON, an hour, a refresh token that stays, RFC 7009. */
export const byTheBook: Profile = {
  about: 'by the book',
  like: [],
  at: null,
  clientAuth: 'basic',
  refreshAuth: 'basic',
  body: 'form',
  clientIdParam: 'client_id',
  pkce: 'required',
  scopeParam: 'scope',
  scopeSeparator: ' ',
  offlineParams: {},
  offlineScope: null,
  exchangeParams: {},
  tokenHeaders: {},
  callback: {},
  iss: 'absent',
  metadata: { advertisesIss: false, issuer: 'right' },
  codes: 'good',
  authorizeError: null,
  answer: {
    as: 'json',
    status: 200,
    errorStatus: 400,
    nest: null,
    beside: {},
    errors: {},
    refreshErrors: {},
    errorAt: 'error',
    tokenType: 'Bearer',
    scope: 'spaces',
    expiresIn: 'number',
    extra: {},
  },
  clockAheadMs: 0,
  lifetime: 3_600,
  refresh: { kind: 'same', needsScope: false, params: {}, lasts: null, error: null },
  revocation: { by: 'basic', method: 'POST', body: 'form', param: 'token', token: 'any' },
  api: {
    accepts: { header: 'authorization', scheme: 'Bearer' },
    headers: {},
    body: { user: { email: 'ann@example.com' } },
    refusal: { status: 401, body: { error: 'unauthorized' } },
    forbids: null,
  },
  faults: {},
};

/** What a profile says besides {@link byTheBook}; the groups are merged, not replaced. */
export type Deviation = Partial<Omit<Profile, 'answer' | 'refresh' | 'revocation' | 'api' | 'metadata' | 'about'>> & {
  readonly about: string;
  readonly answer?: Partial<Profile['answer']>;
  readonly refresh?: Partial<Profile['refresh']>;
  readonly revocation?: Partial<Revocation> | null;
  readonly api?: Partial<Profile['api']>;
  readonly metadata?: Partial<Profile['metadata']>;
};

export function profileOf(deviation: Deviation): Profile {
  const { clientAuth = byTheBook.clientAuth, body = byTheBook.body, revocation } = deviation;
  return {
    ...byTheBook,
    ...deviation,
    refreshAuth: deviation.refreshAuth ?? clientAuth,
    revocation:
      revocation === null
        ? null
        : { by: clientAuth, method: 'POST', body, param: 'token', token: 'any', ...revocation },
    answer: { ...byTheBook.answer, ...deviation.answer },
    refresh: { ...byTheBook.refresh, ...deviation.refresh },
    api: { ...byTheBook.api, ...deviation.api },
    metadata: { ...byTheBook.metadata, ...deviation.metadata },
  };
}
