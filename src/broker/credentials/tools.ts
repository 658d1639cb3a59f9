/** What an MCP server has, for the owner of a connection: as they saw it, as it is now, and what may be used of it. */
import { KeywardError, toPublic } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import type { Credential, SeenItem, ToolDifference } from '../../vault/vault.ts';
import { requireApproval } from '../approvals/approvals.ts';
import type { Broker } from '../broker.ts';
import { serviceOf } from '../grants/oauth-context.ts';
import { inputError } from '../input/input-error.ts';
import { digestOf, keyOf, notedStanding, type Standing } from '../mcp-servers/definitions.ts';
import { definitionText } from '../mcp-servers/difference.ts';
import { stricter, type Verdict, verdictOf } from '../mcp-servers/rules.ts';
import { note, readSeen } from '../mcp-servers/seen.ts';
import { about, requireCredential } from '../policy/access.ts';
import { authorize } from '../policy/policy.ts';
import { verifyCredential } from './verify.ts';

/** As much of differences is shown at a time, in characters. */
const maxShown = 100_000;

/** One tool or prompt, or the instructions of the server. */
export type ToolView = {
  readonly kind: SeenItem['kind'];
  readonly name: string;
  /** Whether its owner saw it as it is. */
  readonly standing: Standing;
  /** What becomes of it by the rules of the connection, as it stands. */
  readonly verdict: Verdict;
  readonly description?: string;
  /** Of one that is new or changed. */
  readonly difference?: ToolDifference;
};

type ToolsView = {
  readonly connectionId: string;
  readonly items: readonly ToolView[];
  /** Why the server could not be asked now. */
  readonly detail?: string;
};

/** Asks the server what it has, and answers that as the owner's rules have it. */
export async function listTools(
  broker: Broker,
  principal: Principal,
  input: { connectionId: string },
): Promise<ToolsView> {
  const action = 'credential.update';
  const credential = await requireMcp(broker, principal, input.connectionId, action);
  const asked = await verifyCredential(broker, principal, { credentialId: credential.id }).catch((error: unknown) => ({
    detail: toPublic(error).message,
  }));
  const now = await requireCredential(broker, principal, credential.id, { field: 'connectionId', action });
  const items = (await readSeen(broker, now))?.items ?? [];
  const { detail } = asked;
  return { connectionId: now.id, items: items.map((one) => viewOf(now, one)), ...(detail !== undefined && { detail }) };
}

/**
 * The owner looked: what is new or changed is seen from now on, all of it or these names (`prompt:` comes before
 * those of prompts). It allows more than before, and is gated as a wider policy is.
 */
export async function acceptTools(
  broker: Broker,
  principal: Principal,
  input: { connectionId: string; names?: readonly string[] },
): Promise<{ readonly connectionId: string; readonly accepted: readonly string[] }> {
  const action = 'credential.update';
  const credential = await requireMcp(broker, principal, input.connectionId, action);
  const items = (await readSeen(broker, credential))?.items ?? [];
  const waiting = chosen(
    items.filter((one) => one.now !== null),
    input.names,
  );
  if (waiting.length === 0) return { connectionId: credential.id, accepted: [] };
  const tools = waiting.map(differenceOf);
  if (JSON.stringify(tools).length > maxShown) {
    throw inputError(
      { names: 'must be fewer: nobody reads as much at once' },
      'Name some of them: --accept name,name.',
    );
  }
  await requireApproval(broker, principal, { credential, action, act: 'tools', details: { tools }, apart: 'tools' });
  await authorize(broker, principal, action, about(credential));
  const shown = new Map(waiting.map((one) => [keyOf(one), digestOf(one.now)]));
  const isShown = (one: SeenItem) => one.now !== null && shown.get(keyOf(one)) === digestOf(one.now);
  await note(broker, credential, (before) => ({
    ...before,
    // What changed once more meanwhile was not looked at.
    items: before.items.map((one) => (isShown(one) ? { ...one, seen: one.now, now: null } : one)),
  }));
  return { connectionId: credential.id, accepted: waiting.map(nameOf) };
}

async function requireMcp(broker: Broker, principal: Principal, id: string, action: 'credential.update') {
  const credential = await requireCredential(broker, principal, id, { field: 'connectionId', action });
  if (serviceOf(broker, credential).protocol === 'mcp') return credential;
  throw inputError(
    { connectionId: 'is no MCP server' },
    'keyward limit says which calls of this connection are allowed.',
  );
}

/** Those of these names; all where none are given. */
function chosen(waiting: readonly SeenItem[], names: readonly string[] | undefined): readonly SeenItem[] {
  if (names === undefined) return waiting;
  const missing = names.filter((name) => !waiting.some((one) => nameOf(one) === name));
  if (missing.length === 0) return waiting.filter((one) => names.includes(nameOf(one)));
  throw new KeywardError('not_found', `Nothing that waits is called ${missing.join(', ')}.`, {
    hint: 'keyward tools shows what waits.',
  });
}

/** `read`, `prompt:sum`, as rules name them; `server:instructions`. */
function nameOf({ kind, name }: Pick<SeenItem, 'kind' | 'name'>): string {
  return kind === 'tool' ? name : `${kind}:${name}`;
}

function differenceOf({ kind, name, seen, now }: SeenItem): ToolDifference {
  return { kind, name, before: seen && definitionText(seen), after: definitionText(now ?? {}) };
}

function viewOf({ policy }: Credential, one: SeenItem): ToolView {
  const rules = policy?.tools ?? null;
  const standing = notedStanding({ seen: digestOf(one.seen), now: digestOf(one.now) });
  // No rule names what a server says of itself.
  const verdict = one.kind === 'server' ? 'allow' : verdictOf(rules, { kind: one.kind, name: one.name });
  const { description, instructions } = one.now ?? one.seen ?? {};
  const text = one.kind === 'server' ? instructions : description;
  return {
    kind: one.kind,
    name: one.name,
    standing,
    verdict: standing === 'seen' ? verdict : stricter(verdict, rules?.unseen ?? 'refuse'),
    ...(typeof text === 'string' && { description: text }),
    ...(one.now !== null && { difference: differenceOf(one) }),
  };
}
