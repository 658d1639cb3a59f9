/**
 * The call that finds out whether a service takes a credential: one harmless request, as the connector describes it. An MCP
 * server is asked what it has.
 */
import type { AuthMethod, Verification } from '../../connectors/definition/definition.ts';
import { fillEncoded, variablesIn } from '../../connectors/template.ts';
import { parseJson } from '../../json.ts';
import { bearerParameter } from '../../net/challenges.ts';
import type { EgressRequest, EgressResponse } from '../../net/egress.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { oneLine, quoted } from '../input/text.ts';
import { valueAt } from '../oauth/answer.ts';
import { apiRequest, secretsOf, serverOf } from './api-request.ts';
import type { Connection, Judged } from './connection.ts';
import type { ServerListing } from './list-server.ts';
import { readTarget } from './path.ts';
import { clockRefusal, keyProblem, signIfNeeded } from './signing.ts';

/** Longest label of an account, in characters. */
export const maxAccount = 120;

/** What the service said of a credential. */
export type Finding =
  /** It takes it; `account` names whose it is, where the service told. */
  | { readonly kind: 'taken'; readonly account: string | null }
  /** It refuses it. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Its answer says neither. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** The answer of a verification call, with its JSON, and of an MCP server what it has. */
type VerificationAnswer = EgressResponse & { readonly content: unknown; readonly listing?: ServerListing | null };

/** True where there is a way to find out. */
export function isVerifiable({ api }: AuthMethod): boolean {
  return api.protocol === 'mcp' || api.verify !== null;
}

/** Asks the service. Throws what egress throws, and `invalid_input` where the path can't be filled. */
export async function sendVerification(
  broker: Broker,
  connection: Connection,
  limits: Pick<EgressRequest, 'signal' | 'timeoutMs'> = {},
): Promise<VerificationAnswer> {
  const { auth } = connection;
  const { protocol, verify } = auth.api;
  if (protocol === 'mcp' || verify === null) {
    // Loaded with the first server that is asked.
    const { listServer } = await import('./list-server.ts');
    const answer = await listServer(broker, connection, limits);
    return { ...answer, content: answer.content ?? null, body: new Uint8Array(), url: serverOf(connection) };
  }
  const { method, path, body } = verify;
  const api = { ...auth.api, baseUrl: verify.baseUrl ?? auth.api.baseUrl };
  const content =
    body === null ? { headers: {} } : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const filled = fillEncoded(path, connection.values);
  const request = apiRequest(
    { ...connection, auth: { ...auth, api } },
    { method, target: readTarget(filled), ...content },
  );
  const signed = await signIfNeeded(connection, request, { verifying: true });
  const answer = await broker.egress.request({ ...signed, ...limits });
  return { ...answer, content: jsonOrNull(answer.body) };
}

/** What the answer says about the credential. A service may repeat a secret in it, which is scrubbed. */
export async function findingOf({ connection, answer, verdict }: Judged<VerificationAnswer>): Promise<Finding> {
  const { auth, credential } = connection;
  // Loaded with the first call.
  const { createScrubber } = await import('../../net/scrub/scrub.ts');
  const { answer: scrub } = createScrubber(secretsOf(connection));
  const clock = clockRefusal(auth, answer);
  if (clock !== null) return { kind: 'unknown', reason: `Not checked: ${clock}` };
  const problem = keyProblem(auth, answer);
  if (problem !== null) return { kind: 'refused', reason: problem };
  const refusal = `The service refused the credential with status ${answer.status}.`;
  const typed = credential.authenticationType.startsWith('oauth2') ? '' : ` ${wrongKey}`;
  if (verdict === 'person') return { kind: 'refused', reason: `${refusal}${typed}` };
  if (answer.status === 401 || answer.status === 403)
    return { kind: 'unknown', reason: await scrub(`${refusal} ${missingScope(answer)}`) };
  if (answer.status < 200 || answer.status > 299) {
    const nobodys = answer.status === 404 ? wrongAddress(auth, credential) : '';
    return { kind: 'unknown', reason: `Not checked: the service answered with status ${answer.status}.${nobodys}` };
  }
  const { content, listing } = answer;
  if (listing) return { kind: 'taken', account: listing.name };
  const { verify } = auth.api;
  if (verify === null) return { kind: 'unknown', reason: 'Not checked: the server told nothing.' };
  if (verify.success && !succeeded(content, verify.success)) {
    return { kind: 'refused', reason: `The service answered that the credential is not valid.${typed}` };
  }
  const label = verify.accountPath === null ? undefined : valueAt(content, verify.accountPath);
  return { kind: 'taken', account: oneLine(typeof label === 'string' ? await scrub(label) : label, maxAccount) };
}

const wrongKey =
  'Check that all of it was copied, that it was not replaced at the service, and that it belongs to this environment: test keys do not open live accounts, nor keys of one region another.';

/** Many services answer at every name below theirs, also where there is no customer. */
function wrongAddress({ api }: AuthMethod, { inputs }: Credential): string {
  const typed = variablesIn(api.baseUrl).filter((name) => Object.hasOwn(inputs, name));
  const pairs = typed.map((name) => `${name} ${quoted(inputs[name] ?? '', 200)}`);
  return typed.length === 0 ? '' : ` Check ${pairs.join(', ')}: if it was mistyped, connect again with the right one.`;
}

/** RFC 6750 §3.1. The service's words are shown only where they look like scopes. */
function missingScope({ headers }: EgressResponse): string {
  const demanded = bearerParameter(headers.get('www-authenticate'), 'scope');
  return demanded === null || !/^[\w:./ -]{1,200}$/.test(demanded)
    ? 'A scope may be missing.'
    : `It wants the scope ${quoted(demanded, 200)}: connect again with an auth config that asks for it.`;
}

function jsonOrNull(body: Uint8Array): unknown {
  try {
    return parseJson(Buffer.from(body).toString());
  } catch {
    return null;
  }
}

function succeeded(content: unknown, rule: NonNullable<Verification['success']>): boolean {
  const value = valueAt(content, rule.path);
  return rule.equals === undefined ? value !== undefined && value !== null : value === rule.equals;
}
