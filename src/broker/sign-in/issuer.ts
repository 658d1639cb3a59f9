/**
 * Signing in at the configured issuer: OpenID Connect Core §3.1, with PKCE, nonce and state. Nothing is stored on the
 * way: all three are keyed digests of the browser's cookie, so that a request counts in that browser alone. Knows no HTTP.
 */

import { KeywardError } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import type { Owner } from '../../principal.ts';
import type { IssuedVisit } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { equalInConstantTime } from '../visitors/browser-binding.ts';
import { type ClaimNames, personIn } from './claims.ts';
import { type IssuerClient, issuerAsker } from './client.ts';
import { noteRefusedSignIn, noteSignIn } from './code.ts';

type Parts = Pick<Broker, 'vault' | 'refusals' | 'egress'>;

export type IssuerSignIn = {
  /** Host of the issuer, to tell people where they go. */
  readonly host: string;
  /**
   * Where to send the browser that holds this cookie. `to` is where it goes afterwards. `anew` has the issuer ask who
   * is there although it knows: somebody else may want to sign in.
   */
  begin(browser: string, to: string, anew: boolean): Promise<URL>;
  /**
   * Who came back to the redirect URI, and where they wanted to go. Nobody is signed in before the audit log has it.
   *
   * @param received the query as it was received
   * @throws KeywardError `forbidden` when the browser did not ask, `attempt_expired`, `provider_refused`,
   * `provider_garbled`, `provider_unavailable`; refusals are audited
   */
  finish(
    browser: string | null,
    received: URLSearchParams,
  ): Promise<{ readonly person: Owner; readonly issued: IssuedVisit; readonly to: string }>;
};

/** How long a person may take at the issuer. */
const lifetimeMs = 600_000;

export function createIssuerSignIn(parts: Parts, names: ClaimNames, client: IssuerClient): IssuerSignIn {
  const ask = issuerAsker(parts.egress, names.issuer, client);
  /** Values of one request; only this vault can make them, and only for the browser that holds the cookie. */
  const derive = (purpose: 'state' | 'nonce' | 'verifier', browser: string, request: string): string =>
    parts.vault.proof(`sign-in-${purpose}`, `${browser} ${request}`);

  const recognise = (browser: string | null, state: string): { request: string; to: string } => {
    const [request = '', proof = '', ...rest] = state.split('.');
    const genuine =
      browser !== null && rest.length === 0 && equalInConstantTime(proof, derive('state', browser, request));
    if (!genuine) throw foreign();
    const { at, to } = parseJson(Buffer.from(request, 'base64url').toString()) as { at: number; to: string };
    if (Math.abs(Date.now() - at) > lifetimeMs) throw expired();
    return { request, to };
  };

  const finish = async (browser: string | null, received: URLSearchParams) => {
    const state = received.getAll('state').length === 1 ? (received.get('state') ?? '') : '';
    const { request, to } = recognise(browser, state);
    const claims = await ask(async (openid, configuration) => {
      const back = new URL(client.redirectUri);
      back.search = received.toString();
      const checks = {
        expectedState: state,
        expectedNonce: derive('nonce', browser ?? '', request),
        pkceCodeVerifier: derive('verifier', browser ?? '', request),
        idTokenExpected: true,
      };
      return (await openid.authorizationCodeGrant(configuration, back, checks)).claims();
    });
    const person = claims === undefined ? null : personIn(claims, names);
    if (claims === undefined || person === null) throw nameless(names);
    await noteSignIn(parts, person);
    const session = typeof claims.sid === 'string' ? { session: claims.sid } : {};
    return { person, issued: { issuer: names.issuer, subject: claims.sub, ...session }, to };
  };

  return {
    host: new URL(names.issuer).host,
    begin: (browser, to, anew) => {
      const request = Buffer.from(JSON.stringify({ at: Date.now(), to })).toString('base64url');
      return ask(async (openid, configuration) =>
        openid.buildAuthorizationUrl(configuration, {
          redirect_uri: client.redirectUri,
          scope: 'openid',
          state: `${request}.${derive('state', browser, request)}`,
          nonce: derive('nonce', browser, request),
          code_challenge: await openid.calculatePKCECodeChallenge(derive('verifier', browser, request)),
          code_challenge_method: 'S256',
          ...(anew ? { prompt: 'login' } : {}),
        }),
      );
    },
    finish: (browser, received) =>
      finish(browser, received).catch(async (error: unknown) => {
        if (error instanceof KeywardError) await noteRefusedSignIn(parts, error.code);
        throw error;
      }),
  };
}

function foreign(): KeywardError {
  return new KeywardError('forbidden', 'This browser did not ask to be signed in, or has been since.', {
    hint: 'Sign in from the beginning, all the way in one browser. Cookies have to be allowed for it.',
    details: { signIn: true },
  });
}

function expired(): KeywardError {
  return new KeywardError('attempt_expired', 'Signing in took longer than ten minutes.', {
    hint: 'Sign in once more.',
    details: { signIn: true },
  });
}

function nameless({ tenantClaim, userClaim }: ClaimNames): KeywardError {
  const wanted = tenantClaim === null ? userClaim : `${userClaim} and ${tenantClaim}`;
  return new KeywardError('forbidden', 'The issuer knows you, and does not tell Keyward who you are here.', {
    hint: `Whoever runs Keyward: its ID tokens have to hold ${wanted}, each a text of one line.`,
    details: { signIn: true },
  });
}
