/** What a program says of itself, in a registration (RFC 7591) or its metadata document: taken over as far as it is needed. */
import { InvalidClientMetadata } from 'oidc-provider/lib/helpers/errors.js';
import { oneLine } from '../../broker/input/text.ts';
import { redirectProblem } from './redirect-uris.ts';

const maxRedirectUris = 10;
const maxName = 80;

type Said = Record<string, unknown>;

/** What is kept of it. Nothing else is believed, shown or fetched: no logo, no key, no page of its own. */
const kept = ['client_id', 'client_id_issued_at', 'client_name', 'redirect_uris'];

/** What every program is here, whatever it asked for (RFC 7591 §2 lets a server replace what is asked for). */
const same = {
  // Any port of loopback; see RFC 8252 §7.3.
  application_type: 'native',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
};

/**
 * Changes what a program said into what it is here.
 *
 * @throws InvalidClientMetadata for redirect URIs that can't be
 */
export function settleMetadata(said: Said): void {
  const uris = said.redirect_uris;
  if (!Array.isArray(uris) || uris.length === 0 || uris.length > maxRedirectUris) {
    throw new InvalidClientMetadata(`redirect_uris must hold 1 to ${maxRedirectUris} URIs`);
  }
  for (const uri of uris) {
    const problem = redirectProblem(uri);
    if (problem !== null) throw new InvalidClientMetadata(`each of redirect_uris ${problem}`);
  }
  for (const name of Object.keys(said)) if (!kept.includes(name)) delete said[name];
  const name = oneLine(said.client_name, maxName);
  if (name === null) delete said.client_name;
  else said.client_name = name;
  Object.assign(said, structuredClone(same));
}
