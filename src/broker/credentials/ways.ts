/** The ways to connect one service, as a person chooses between them: what each takes of them, the quickest first. */
import { isOAuth } from '../../connectors/auth-kinds.ts';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import type { Principal } from '../../principal.ts';
import type { Broker } from '../broker.ts';
import { requireAuth } from '../grants/oauth-context.ts';
import type { CredentialForm } from '../input/forms.ts';
import { getCredentialMetadata } from './metadata.ts';

/** One way to connect one service. */
export type Way = { readonly connector: Connector; readonly auth: AuthMethod; readonly form: CredentialForm };

/** The ways of a service, the quickest first. */
export async function waysOf(broker: Broker, principal: Principal, connector: Connector): Promise<Way[]> {
  const { metadata } = await getCredentialMetadata(broker, principal, { connectorId: connector.id }, 'model');
  const ways = metadata.map((form) => ({ connector, auth: requireAuth(connector, form.authenticationType), form }));
  return ways.sort((one, other) => effort(one) - effort(other));
}

/** Signing in and pasting a key are a minute each, an app of one's own is ten. */
function effort({ auth, form }: Way): number {
  if (!isOAuth(auth)) return 1;
  return form.authConfigRequired ? 2 : 0;
}

/** What a way is called: by its definition, else by its kind. */
export function wayTitle({ connector, auth, form }: Way): string {
  if (auth.title !== null) return auth.title;
  if (auth.authenticationType === 'oauth2') {
    return form.authConfigRequired ? 'An app of your own' : `Sign in at ${connector.name}`;
  }
  return kinds[auth.authenticationType];
}

const kinds: Readonly<Record<Exclude<AuthMethod['authenticationType'], 'oauth2'>, string>> = {
  api_key: 'API key',
  aws_sigv4: 'Access key',
  basic: 'User name and password',
  bearer: 'Token',
  oauth2_client_credentials: 'Acting as an app of yours',
  oauth2_jwt_bearer: 'Service account',
};

/** What a way takes of the person, in words that follow its title. */
export function effortText({ connector: { name }, auth, form }: Way): string {
  if (!isOAuth(auth)) return `you enter what ${name} gives you for it, which takes a minute`;
  const signIn = auth.authenticationType === 'oauth2';
  if (form.authConfigRequired) {
    return `you register an app of your own at ${name} first, which takes some ten minutes, once`;
  }
  const found = signIn && auth.protectedResource !== null;
  return `${signIn ? `you sign in at ${name}, which takes a minute` : 'there is nothing to enter'}${found ? '' : '; the OAuth client is there already'}`;
}
