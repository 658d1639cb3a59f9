/** Tokens for a service account that signs for itself (RFC 7523 §2.1). There is no refresh token: it signs again. */
import { createPrivateKey, type KeyObject, randomUUID } from 'node:crypto';
import { jsonObject } from '../../connectors/accepts.ts';
import type { JwtBearerMethod } from '../../connectors/definition/definition.ts';
import { KeywardError } from '../../errors.ts';
import { textOf, valueAt } from './answer.ts';
import {
  begin,
  grantedScopes,
  type OAuthContext,
  type Operation,
  scopeParams,
  scopesOf,
  type TokenSet,
} from './context.ts';
import { fillParams } from './endpoints.ts';
import { requireEndpoint, resolveServer } from './server.ts';
import { askForTokens, atTokenEndpoint } from './token-request.ts';

const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/**
 * New tokens for an assertion.
 *
 * @param secretInputs the key, as it was given
 */
export async function jwtBearer(
  given: OAuthContext<JwtBearerMethod>,
  secretInputs: Readonly<Record<string, string>>,
): Promise<TokenSet> {
  const context = begin(given);
  const { auth } = context;
  const server = await resolveServer(context, ['tokenEndpoint']);
  const endpoint = requireEndpoint(context, server, 'tokenEndpoint');
  const assertion = await sign(context, endpoint, { ...context.values, ...secretInputs });
  const answer = await askForTokens(
    context,
    {
      ...atTokenEndpoint(context, server, 'repeatable'),
      authMethod: 'none',
      // The assertion says who it is (RFC 7523 §2.1); there is no client.
      adjust: ({ method, params }) => {
        params.delete('client_id');
        return { method };
      },
    },
    (openid, configuration) =>
      openid.genericGrantRequest(configuration, grantType, {
        ...fillParams(context, auth.tokenParams),
        ...(auth.assertion.scopeClaim === null ? scopeParams(context) : {}),
        assertion,
      }),
  );
  return { ...answer, refreshToken: null, scopes: grantedScopes(context, answer.scopes) };
}

/** RFC 7523 §3. */
async function sign(
  context: Operation<JwtBearerMethod>,
  endpoint: URL,
  inputs: Readonly<Record<string, string>>,
): Promise<string> {
  const { SignJWT } = await import('jose');
  const { assertion, scopeSeparator } = context.auth;
  const part = (path: string | null) => (path === null ? null : partOf(inputs, path));
  const key = keyFrom(part(assertion.privateKey));
  const issuer = part(assertion.issuer);
  const keyId = part(assertion.keyId);
  if (issuer === null) throw wrongKey('it does not say whose key it is');
  const scope = scopesOf(context).join(scopeSeparator);
  const claims = assertion.scopeClaim === null || scope === '' ? {} : { [assertion.scopeClaim]: scope };
  const now = Math.floor(Date.now() / 1000);
  const token = new SignJWT(claims)
    .setProtectedHeader({ alg: assertion.algorithm, typ: 'JWT', ...(keyId === null ? {} : { kid: keyId }) })
    .setIssuer(issuer)
    .setSubject(part(assertion.subject) ?? issuer)
    .setAudience(assertion.audience ?? endpoint.href)
    .setIssuedAt(now)
    .setExpirationTime(now + assertion.lifetimeSeconds)
    .setJti(randomUUID());
  try {
    return await token.sign(key);
  } catch {
    throw wrongKey(`it is no key for ${assertion.algorithm}`);
  }
}

/** An input, or the member of a JSON one; null when it is not there. */
function partOf(inputs: Readonly<Record<string, string>>, path: string): string | null {
  const [name = '', ...inside] = path.split('.');
  const value = Object.hasOwn(inputs, name) ? (inputs[name] ?? '') : '';
  return textOf(inside.length === 0 ? value : valueAt(jsonObject(value), inside.join('.')));
}

function keyFrom(pem: string | null): KeyObject {
  try {
    return createPrivateKey(pem ?? '');
  } catch {
    throw wrongKey('it holds no private key in PEM');
  }
}

/** Never quotes what was given. */
function wrongKey(why: string): KeywardError {
  return new KeywardError('invalid_input', `The key can not be used: ${why}.`, {
    hint: 'Make a new key at the service and give the whole file as it was downloaded.',
  });
}
