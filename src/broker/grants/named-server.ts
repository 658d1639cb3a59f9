/** The authorization server that an OAuth client is stored for, where each connection names its own. */
import { serverInputName } from '../../connectors/auth-kinds.ts';
import type { AuthMethod, Connector } from '../../connectors/definition/definition.ts';
import { wholeUrl } from '../../connectors/template.ts';
import { KeywardError } from '../../errors.ts';
import type { Broker } from '../broker.ts';
import { plainUrlProblems } from '../input/plain-urls.ts';

type Inputs = Readonly<Record<string, string>>;

/**
 * What says which server a client is for: the way of connecting that names one, and its input. Neither where the
 * definition names the server.
 *
 * @param server as somebody gave it
 * @throws KeywardError `invalid_input` that names `server`
 */
export function readServer(
  { egress }: Broker,
  { name, auth }: Connector,
  server: string | undefined,
): { readonly auth: AuthMethod | null; readonly inputs: Inputs } {
  const method = auth.find((one) => serverInputName(one) !== null);
  const field = method && serverInputName(method);
  if (!field) {
    if (server === undefined) return { auth: null, inputs: {} };
    throw serverError(
      `${name} has one authorization server, which Keyward knows.`,
      'is not used here',
      'Leave server out.',
    );
  }
  if (server === undefined) {
    const hint = `It is the ${field} of the connections that use the client. A person can leave this to Keyward’s page: it asks for the client where one is missing.`;
    throw serverError(`An OAuth client for ${name} belongs to one server.`, 'is missing', hint);
  }
  const inputs = { [field]: server.trim() };
  const problem = plainUrlProblems(egress, inputs)[field] ?? (isServer(inputs, field) ? undefined : 'must be a URL');
  if (problem !== undefined) {
    const hint = `Give the ${field} as the connections that use the client name it, such as https://id.example.`;
    throw serverError(`server ${problem}.`, problem, hint);
  }
  return { auth: method, inputs };
}

function isServer(inputs: Inputs, field: string): boolean {
  try {
    return wholeUrl(inputs, field) !== null;
  } catch {
    return false;
  }
}

function serverError(message: string, problem: string, hint: string): KeywardError {
  return new KeywardError('invalid_input', message, { hint, details: { fields: { server: problem } } });
}
