/**
 * A service that wants more of the person than they gave to a connection (RFC 6750 §3.1, `insufficient_scope`). The person
 * connects it again, with what it has and what is missing (MCP 2026-07-28, step-up authorization flow).
 */
import { usesTokenEndpoint } from '../../connectors/auth-kinds.ts';
import { bearerParameter } from '../../net/challenges.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { quoted } from '../input/text.ts';
import { scopesOf } from '../oauth/context.ts';
import { contextWith, findAuth, noClient } from './oauth-context.ts';

/** What to do where a service wants more than a connection has. */
export type StepUp = {
  /** What the service wants now and the connection was not granted. */
  readonly missing: readonly string[];
  /** What to ask for: all that the connection asked for and has, and what is missing. Empty where asking would not help. */
  readonly scopes: readonly string[];
  /** What is wrong, in one sentence. */
  readonly message: string;
  /** The next step of a model. */
  readonly hint: string;
  /** The next step of a person at a terminal. */
  readonly command: string;
};

/**
 * What an answer with this challenge asks for; null when it is about something else than scopes. The texts may be shown to
 * people and models: the service wrote nothing of them but the names of scopes.
 *
 * @param challenge the header `WWW-Authenticate` of the answer
 */
export function stepUpFor(broker: Broker, credential: Credential, challenge: string | undefined): StepUp | null {
  if (bearerParameter(challenge, 'error') !== 'insufficient_scope') return null;
  const wanted = plainScopes(bearerParameter(challenge, 'scope')?.split(' ') ?? []);
  const auth = findAuth(broker, credential);
  const granted = credential.scopes;
  const asked = auth && usesTokenEndpoint(auth) ? scopesOf(contextWith(broker, credential, noClient)) : null;
  const has = granted ?? asked ?? [];
  const missing = wanted.filter((scope) => !has.includes(scope));
  const name = quoted(credential.name);
  const again = `keyward connect --reconnect ${credential.id}`;
  const reconnect = `Call create_credential with credentialId ${credential.id}`;
  if (asked === null) {
    const list = wanted.length === 0 ? '' : `: ${wanted.join(', ')}`;
    return {
      missing,
      scopes: [],
      message: `The service wants more rights than the token of ${name} has${list}.`,
      hint: `Ask the person to make a token with these rights at the service. ${reconnect}, and give the person the link.`,
      command: again,
    };
  }
  if (missing.length === 0) {
    const [message, hint] =
      wanted.length === 0
        ? [
            `The service wants more scopes than ${name} has, and does not say which.`,
            `Its documentation may name them. ${reconnect} and scopes.`,
          ]
        : [
            `The service refuses this to ${name} for scopes that it was granted already: ${wanted.join(', ')}.`,
            'Connecting again would not help. Ask the person whether their account at the service may do this.',
          ];
    return { missing, scopes: [], message, hint, command: again };
  }
  const scopes = [...new Set([...plainScopes([...asked, ...(granted ?? [])]), ...missing])];
  const list = scopes.join(' ');
  return {
    missing,
    scopes,
    message: `${name} may not do this at the service: it was not granted ${missing.join(', ')}.`,
    hint: `${reconnect} and scopes "${list}", and give the person the link: they decide at the service.`,
    command: `${again} --scopes "${list}"`,
  };
}

/** Most characters of all scopes that one challenge may name. */
const maxLength = 2_000;

/** Scopes that can stand in a command line as they are. No service has others; whoever names one wants it to be run, or read. */
function plainScopes(values: readonly string[]): string[] {
  let length = 0;
  return [...new Set(values)].filter((value) => {
    if (!/^[\w.:/~@=+*#?-]{1,200}$/.test(value)) return false;
    length += value.length + 1;
    return length <= maxLength;
  });
}
