/** Device authorization (RFC 8628), for machines without a browser. */
import type { OAuth2Method } from '../../connectors/definition/definition.ts';
import { hasCode } from '../../errors.ts';
import { type Answer, positiveNumber, textOf } from './answer.ts';
import { begin, grantedScopes, type OAuthContext, scopeParams, type TokenSet } from './context.ts';
import { fillParams } from './endpoints.ts';
import { garbled } from './failures.ts';
import { authMethodAt, requireEndpoint, resolveServer } from './server.ts';
import { readAnswer } from './token-answer.ts';
import { askForTokens, atTokenEndpoint, callServer } from './token-request.ts';

/** A started device flow (RFC 8628 §3.2). `expiresAt` in milliseconds since 1970. */
type DeviceStart = {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string | null;
  readonly intervalSeconds: number;
  readonly expiresAt: number;
};

type DevicePoll =
  | { readonly pending: true; readonly slowDown: boolean }
  | { readonly pending: false; readonly tokens: TokenSet };

const grantType = 'urn:ietf:params:oauth:grant-type:device_code';

/** Asks for a device code (RFC 8628 §3.1). */
export async function startDevice(given: OAuthContext<OAuth2Method>): Promise<DeviceStart> {
  const context = begin(given);
  const { auth } = context;
  const server = await resolveServer(context, ['deviceAuthorizationEndpoint']);
  return callServer(
    context,
    {
      endpoints: {
        device_authorization_endpoint: requireEndpoint(context, server, 'deviceAuthorizationEndpoint').href,
      },
      authMethod: authMethodAt(context, server, auth.tokenEndpointAuthMethod),
      bodyFormat: auth.bodyFormat,
      repeat: 'repeatable',
    },
    (response) => {
      const value = readStart(context, readAnswer(context, response, {}, auth.tokenResponse.errorPath));
      const { deviceCode, userCode, verificationUri } = value;
      return {
        value,
        standard: { device_code: deviceCode, user_code: userCode, verification_uri: verificationUri, expires_in: 1 },
      };
    },
    (openid, configuration) => openid.initiateDeviceAuthorization(configuration, scopeParams(context)),
  );
}

/** Asks once whether the person has finished (RFC 8628 §3.4); the caller keeps the interval. */
export async function pollDevice(given: OAuthContext<OAuth2Method>, deviceCode: string): Promise<DevicePoll> {
  const context = begin(given);
  const { auth } = context;
  const server = await resolveServer(context, ['tokenEndpoint']);
  try {
    const answer = await askForTokens(context, atTokenEndpoint(context, server, 'once'), (openid, configuration) =>
      openid.genericGrantRequest(configuration, grantType, {
        ...fillParams(context, auth.tokenParams),
        device_code: deviceCode,
      }),
    );
    return { pending: false, tokens: { ...answer, scopes: grantedScopes(context, answer.scopes) } };
  } catch (error) {
    if (hasCode(error, 'provider_unavailable') && error.details.status === 429)
      return { pending: true, slowDown: true };
    if (!hasCode(error, 'provider_refused')) throw error;
    const { providerError } = error.details;
    if (providerError === 'authorization_pending') return { pending: true, slowDown: false };
    if (providerError === 'slow_down') return { pending: true, slowDown: true };
    throw error;
  }
}

function readStart(context: OAuthContext, answer: Answer): DeviceStart {
  const deviceCode = textOf(answer.device_code);
  const userCode = textOf(answer.user_code);
  // Google's name for it came before the RFC.
  const verificationUri = pageUrl(answer.verification_uri ?? answer.verification_url);
  if (deviceCode === null || userCode === null || verificationUri === null || !/^[\w -]{1,64}$/.test(userCode)) {
    throw garbled(context, 'answered without a code to enter and a page to enter it at');
  }
  return {
    deviceCode,
    userCode,
    verificationUri,
    verificationUriComplete: pageUrl(answer.verification_uri_complete ?? answer.verification_url_complete),
    // An interval of zero would keep the vault writing without end.
    intervalSeconds: Math.min(Math.max(positiveNumber(answer.interval) ?? 5, 1), 60),
    expiresAt: Date.now() + (positiveNumber(answer.expires_in) ?? 600) * 1000,
  };
}

/** Longest address that people are sent to, in characters. */
const maxPageUrl = 2_000;

/** A page that a person can be sent to; null for anything but http(s): it becomes a link. */
function pageUrl(value: unknown): string | null {
  const text = textOf(value);
  const url = text !== null && URL.canParse(text) ? new URL(text) : null;
  return url && /^https?:$/.test(url.protocol) && url.href.length <= maxPageUrl ? url.href : null;
}
