import type { ClientCredentialsMethod } from '../../connectors/definition.ts';
import { KeywardError } from '../../errors.ts';
import type { OAuthContext, TokenSet } from './context.ts';

/** Tokens for the client itself (RFC 6749 §4.4). */
export async function clientCredentials(_context: OAuthContext<ClientCredentialsMethod>): Promise<TokenSet> {
  throw new KeywardError('internal', 'Not built yet.');
}
