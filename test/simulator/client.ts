/** The one client that every simulated server knows, and how strictly it is recognised. */
import type { ClientAuth } from './profile.ts';
import { basicOf, type Request } from './request.ts';

/** Characters that form encoding changes are in both, so that a server can tell Basic from Basic. */
export const client = { id: 'simulated+client', secret: 'simulated/secret+1' };

/** Whether the request proves to be from {@link client}, in this way and in no other. */
export function isClient(request: Request, params: URLSearchParams, auth: ClientAuth, idParam: string): boolean {
  const basic = basicOf(request);
  const [id, secret] = [params.get(idParam), params.get('client_secret')];
  switch (auth) {
    case 'none':
      return basic === null && secret === null && id === client.id;
    case 'post':
      return basic === null && id === client.id && secret === client.secret;
    case 'raw':
      return secret === null && basic?.[0] === client.id && basic[1] === client.secret;
    case 'basic':
      return secret === null && decoded(basic?.[0]) === client.id && decoded(basic?.[1]) === client.secret;
  }
}

/** RFC 6749 §2.3.1; a plain `+` would be a blank. */
function decoded(text: string | undefined): string | null {
  return text === undefined ? null : new URLSearchParams(`x=${text}`).get('x');
}
