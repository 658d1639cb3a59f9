/** Requests of an authenticated client to an authorization server, through openid-client and egress. */
import type { Configuration, CustomFetchOptions } from 'openid-client';
import type { BodyFormat, ClientAuth } from '../../connectors/definition/definition.ts';
import { KeywardError } from '../../errors.ts';
import type { EgressResponse } from '../../net/egress.ts';
import { clientAssertion } from './client-assertion.ts';
import { authenticate, encodeBody } from './client-auth.ts';
import { issuerOf, type Kept, type OAuthContext, type Operation } from './context.ts';
import { fillParams } from './endpoints.ts';
import { garbled, type RefusalFacts } from './failures.ts';
import { type Repeat, send } from './send.ts';
import { type AuthorizationServer, authMethodAt, requireEndpoint } from './server.ts';
import { serverHostsOf } from './server-hosts.ts';
import { readTokenAnswer, type TokenAnswer } from './token-answer.ts';

type OpenId = typeof import('openid-client');

type ServerRequest = {
  /** Where, by its metadata name; openid-client picks the one that its function needs. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly authMethod: ClientAuth;
  readonly bodyFormat: BodyFormat;
  readonly repeat: Repeat;
  /** Values that the callback or earlier answers left, for templates. */
  readonly kept?: Kept;
  /** Last changes to what openid-client prepared. */
  readonly adjust?: (request: { method: string; params: URLSearchParams; headers: Headers }) => { method: string };
};

/** A request to the token endpoint of this server, or to the one where tokens are refreshed, as its definition wants it. */
export function atTokenEndpoint(
  context: OAuthContext,
  server: AuthorizationServer,
  repeat: Repeat,
  name: 'tokenEndpoint' | 'refreshEndpoint' = 'tokenEndpoint',
): ServerRequest {
  const { auth } = context;
  const refreshes = name === 'refreshEndpoint' && 'refreshAuthMethod' in auth;
  const method = refreshes ? auth.refreshAuthMethod : auth.tokenEndpointAuthMethod;
  return {
    endpoints: { token_endpoint: requireEndpoint(context, server, name).href },
    authMethod: authMethodAt(context, server, method),
    bodyFormat: auth.bodyFormat,
    repeat,
  };
}

/**
 * Runs one of openid-client's grant functions. `read` turns the service's answer into a value, or throws a typed error;
 * `standard` is the same answer in the form of the RFC, which is all that openid-client gets to see.
 */
export async function callServer<T>(
  context: Operation,
  request: ServerRequest,
  read: (response: EgressResponse) => { readonly value: T; readonly standard: unknown },
  run: (openid: OpenId, configuration: Configuration) => Promise<unknown>,
): Promise<T> {
  const openid = await import('openid-client');
  const metadata = { issuer: 'https://issuer.invalid', ...request.endpoints };
  const { clientId } = context.client;
  const auth = authenticate(context.client, request.authMethod, await assertionFor(context, request.authMethod));
  const configuration = new openid.Configuration(metadata, clientId, undefined, auth);
  // Egress decides about plain http: only hosts that the operator allowed.
  openid.allowInsecureRequests(configuration);
  // The limit is egress's, so that a slow service and a cancelled call can be told apart.
  configuration.timeout = 0;
  let outcome: { readonly value: T } | undefined;
  let failure: unknown;
  configuration[openid.customFetch] = async (url, options) => {
    try {
      const { value, standard } = read(await exchange(context, request, url, options));
      outcome = { value };
      return Response.json(standard);
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  try {
    await run(openid, configuration);
  } catch {
    // Never the library's error: its cause holds the answer, tokens and all.
    if (failure instanceof KeywardError) throw failure;
    if (failure !== undefined) throw new KeywardError('internal', 'An OAuth request failed unexpectedly.');
    throw garbled(context, 'answered with something that the protocol does not allow', { ambiguous: true });
  }
  if (outcome) return outcome.value;
  throw new KeywardError('internal', 'An OAuth request was not sent.');
}

/** What a client that has a key sends; null for any other. */
async function assertionFor(context: Operation, method: ClientAuth): Promise<string | null> {
  if (method !== 'private_key_jwt') return null;
  const { clientId, key } = context.client;
  const issuer = issuerOf(context);
  if (key === undefined || issuer === null) {
    throw new KeywardError('internal', 'A client without a key, or without an issuer, was to authenticate by its key.');
  }
  return clientAssertion(clientId, issuer, await key());
}

/** Asks a token endpoint, and reads the tokens of its answer. */
export function askForTokens(
  context: Operation,
  request: ServerRequest,
  run: (openid: OpenId, configuration: Configuration) => Promise<unknown>,
  facts: RefusalFacts = {},
): Promise<TokenAnswer> {
  return callServer(
    context,
    request,
    (response) => {
      const answer = readTokenAnswer(context, response, facts);
      const value = { ...answer, serverHosts: serverHostsOf(context, { ...request.kept, ...answer.kept }) };
      const standard = { access_token: value.accessToken, token_type: 'bearer' };
      return { value, standard };
    },
    run,
  );
}

async function exchange(
  context: Operation,
  request: ServerRequest,
  url: string,
  options: CustomFetchOptions,
): Promise<EgressResponse> {
  const params = new URLSearchParams(options.body instanceof URLSearchParams ? options.body : '');
  const headers = new Headers(options.headers);
  headers.set('user-agent', 'keyward');
  headers.set('accept', 'application/json');
  const { method } = request.adjust?.({ method: options.method, params, headers }) ?? options;
  for (const [name, value] of Object.entries(fillParams(context, context.auth.tokenHeaders))) headers.set(name, value);
  // Some services refuse a form that is empty.
  const content = params.size === 0 ? null : encodeBody(params, request.bodyFormat, context.auth.clientIdParam);
  if (content) headers.set('content-type', content.contentType);
  else headers.delete('content-type');
  const outgoing = { url: new URL(url), method, headers: Object.fromEntries(headers) };
  // An assertion is good once: what may have arrived is not sent again with it.
  const repeat = request.authMethod === 'private_key_jwt' ? 'once' : request.repeat;
  return send(context, content ? { ...outgoing, body: content.body } : outgoing, repeat);
}
