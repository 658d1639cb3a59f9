/** How an OAuth client proves who it is, and the body formats that services want. */
import type { ClientAuth } from 'openid-client';
import type { BodyFormat, ClientAuth as ClientAuthName } from '../../connectors/definition/definition.ts';
import type { OAuthClient } from './context.ts';

/**
 * Authentication in openid-client's form. A client without a secret only names itself.
 *
 * Basic is made here: RFC 6749 §2.3.1 wants id and secret form-encoded, and openid-client encodes `-` and `_` too,
 * which is allowed but breaks with every server that compares without decoding.
 *
 * @param assertion for a client that has a key, see client-assertion.ts
 */
export function authenticate(client: OAuthClient, method: ClientAuthName, assertion: string | null = null): ClientAuth {
  const { clientId, clientSecret } = client;
  return (_server, _client, body, headers) => {
    if (assertion !== null) {
      body.set('client_id', clientId);
      body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
      body.set('client_assertion', assertion);
    } else if (clientSecret === null || method === 'none') {
      body.set('client_id', clientId);
    } else if (method === 'client_secret_post') {
      body.set('client_id', clientId);
      body.set('client_secret', clientSecret);
    } else {
      const encode = method === 'client_secret_basic' ? formEncode : (text: string) => text;
      headers.set('authorization', basic(encode(clientId), encode(clientSecret)));
    }
  };
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
}

function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

/** The parameters as the service wants them: names, format, and the content type that goes with it. */
export function encodeBody(
  params: URLSearchParams,
  format: BodyFormat,
  clientIdParam: string,
): { readonly body: string; readonly contentType: string } {
  const entries = [...params].map(([name, value]): [string, string] => [
    name === 'client_id' ? clientIdParam : name,
    value,
  ]);
  return format === 'json'
    ? { body: JSON.stringify(Object.fromEntries(entries)), contentType: 'application/json' }
    : {
        body: new URLSearchParams(entries).toString(),
        contentType: 'application/x-www-form-urlencoded',
      };
}
