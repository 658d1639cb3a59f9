/** Verifying a credential: one harmless call to the service, as the connector describes it. */

import type { AuthMethod, Verification } from '../../connectors/definition/definition.ts';
import { fillEncoded, variablesIn } from '../../connectors/template.ts';
import { hasCode, toPublic } from '../../errors.ts';
import { parseJson } from '../../json.ts';
import { bearerParameter } from '../../net/challenges.ts';
import type { EgressResponse } from '../../net/egress.ts';
import type { Principal } from '../../principal.ts';
import type { Credential } from '../../vault/vault.ts';
import type { Broker } from '../broker.ts';
import { apiRequest, secretsOf } from '../calls/api-request.ts';
import { type Connection, type Judged, openConnection, sendWithRenewal } from '../calls/connection.ts';
import { readTarget } from '../calls/path.ts';
import { clockRefusal, keyProblem, signIfNeeded } from '../calls/signing.ts';
import { amendSame } from '../grants/amend.ts';
import { requireAuth } from '../grants/oauth-context.ts';
import { reconnectHint } from '../grants/renew.ts';
import { oneLine, quoted } from '../input/text.ts';
import { valueAt } from '../oauth/answer.ts';
import { about, accessOf, readerOf, requireCredential } from '../policy/access.ts';
import { requireUnguessable } from '../policy/guessable.ts';
import { authorize } from '../policy/policy.ts';
import { isoTime } from './view.ts';

/** Longest label of an account, in characters. */
const maxAccount = 120;

export type VerificationResult = {
  status: 'active' | 'reconnect_required';
  account?: string;
  /** ISO 8601. */
  checkedAt: string;
  detail?: string;
};

type Verdict = Omit<VerificationResult, 'checkedAt'>;

/** Calls the connector's verification endpoint and notes what came out. */
export async function verifyCredential(
  broker: Broker,
  principal: Principal,
  input: { credentialId: string },
  options: { signal?: AbortSignal } = {},
): Promise<VerificationResult> {
  const credential = await requireCredential(broker, principal, input.credentialId, {
    field: 'credentialId',
    action: 'credential.verify',
    access: 'use',
  });
  await authorize(broker, principal, 'credential.verify', about(credential));
  const checkedAt = isoTime(Date.now());
  const own = accessOf(readerOf(broker, principal), credential) === 'owner';
  try {
    const { verify } = requireAuth(broker.catalogue.require(credential.connectorId), credential.authenticationType).api;
    if (!verify) {
      const { connector } = await openConnection(broker, credential);
      return { status: 'active', checkedAt, detail: `${connector.name} has no endpoint to check this with.` };
    }
    const send = async (connection: Connection) => {
      if (!own) await requireUnguessable(connection.secret);
      return call(broker, connection, verify, options.signal);
    };
    const judged = await sendWithRenewal(broker, credential, send, { settle: true });
    const { connection } = judged;
    broker.vault.touch(connection.credential);
    // A service may answer the secret where its account belongs. Loaded with the first call.
    const { createScrubber } = await import('../../net/scrub/scrub.ts');
    const { answer: scrub } = createScrubber(secretsOf(connection));
    const found: Verdict = await judge(broker, judged, verify, scrub);
    // The service of somebody else's choice worded it.
    return { checkedAt, ...found, ...(found.account && !own && { account: quoted(found.account, maxAccount) }) };
  } catch (error) {
    if (hasCode(error, 'reconnect_required')) {
      return { status: 'reconnect_required', checkedAt, detail: `${error.message} ${error.hint ?? ''}`.trim() };
    }
    if (!hasCode(error, 'provider_unavailable', 'provider_garbled', 'provider_refused')) throw error;
    const { message, hint = '' } = toPublic(error);
    return { status: 'active', checkedAt, detail: `Not checked: ${message} ${hint}`.trim() };
  }
}

async function call(
  broker: Broker,
  connection: Connection,
  verify: Verification,
  signal: AbortSignal | undefined,
): Promise<Checked> {
  const { auth } = connection;
  const { method, path, body } = verify;
  const api = { ...auth.api, baseUrl: verify.baseUrl ?? auth.api.baseUrl };
  const content =
    body === null ? { headers: {} } : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const filled = fillEncoded(path, connection.values);
  const request = apiRequest(
    { ...connection, auth: { ...auth, api } },
    { method, target: readTarget(filled), ...content },
  );
  const answer = await broker.egress.request({
    ...(await signIfNeeded(connection, request, { verifying: true })),
    ...(signal ? { signal } : {}),
  });
  return { ...answer, content: parse(answer.body) };
}

/** The answer of a verification call, with its JSON. */
type Checked = EgressResponse & { readonly content: unknown };

/** What the answer says about the credential; stores the account's label or the refusal. */
async function judge(
  broker: Broker,
  { connection, answer, verdict }: Judged<Checked>,
  verify: Verification,
  scrub: (text: string) => Promise<string>,
) {
  const { auth, credential } = connection;
  const clock = clockRefusal(auth, answer);
  if (clock !== null) return { status: credential.status, detail: `Not checked: ${clock}` };
  const end = async (statusReason: string) => {
    await note(broker, credential, { status: 'reconnect_required', statusReason });
    return { status: 'reconnect_required' as const, detail: `${statusReason} ${reconnectHint(credential)}` };
  };
  const problem = keyProblem(auth, answer);
  if (problem !== null) return end(problem);
  const refusal = `The service refused the credential with status ${answer.status}.`;
  const typed = credential.authenticationType.startsWith('oauth2') ? '' : ` ${wrongKey}`;
  if (verdict === 'person') return end(`${refusal}${typed}`);
  if (answer.status === 401 || answer.status === 403)
    return { status: credential.status, detail: await scrub(`${refusal} ${missingScope(answer)}`) };
  if (answer.status < 200 || answer.status > 299) {
    const nobodys = answer.status === 404 ? wrongAddress(auth, credential) : '';
    const detail = `Not checked: the service answered with status ${answer.status}.${nobodys}`;
    return { status: credential.status, detail };
  }
  const { content } = answer;
  if (verify.success && !succeeded(content, verify.success)) {
    return end(`The service answered that the credential is not valid.${typed}`);
  }
  const label = verify.accountPath === null ? undefined : valueAt(content, verify.accountPath);
  const account = oneLine(typeof label === 'string' ? await scrub(label) : label, maxAccount);
  if (account !== null && account !== credential.account) await note(broker, credential, { account });
  return { status: 'active' as const, ...(account === null ? {} : { account }) };
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

/** Says so of this very secret: one that somebody stored meanwhile was not judged. */
async function note(broker: Broker, credential: Credential, changes: Partial<Credential>): Promise<void> {
  await amendSame(broker, credential, (record) => ({ record: { ...record, ...changes } }));
}

function parse(body: Uint8Array): unknown {
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
