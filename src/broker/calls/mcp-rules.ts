/**
 * Who may use what of an MCP server: the owner's rules for everybody, within them those of the share that lets somebody
 * else in, and what the owner has not seen as it is now. What no rule allows somebody else, they may not use.
 */
import { KeywardError } from '../../errors.ts';
import type { Limits } from '../../principal.ts';
import type { Credential, Reader, ToolRules } from '../../vault/vault.ts';
import { oneLine, quoted } from '../input/text.ts';
import type { AnyItem } from '../mcp-servers/definitions.ts';
import type { Message } from '../mcp-servers/messages.ts';
import { isPlain, isPlainTemplate, namesOf } from '../mcp-servers/plain-names.ts';
import { type Item, stricter, type Verdict, verdictOf } from '../mcp-servers/rules.ts';
import type { Standing } from '../mcp-servers/seen.ts';
import { allows } from './call-rules.ts';
import { segmentsOf } from './path-pattern.ts';
import { forMcp, sharedPolicies } from './policy.ts';

/** What one caller may use of one connection. */
type Rules = {
  /** What becomes of an item that stands like this. */
  verdict(item: AnyItem, standing: Standing): Verdict;
  /** Why an item is refused, with the next step. */
  refusal(item: Item, standing: Standing): KeywardError;
  /** Null where the message may be sent, as far as its method and the spelling of its names go; else why not. */
  messageRefusal(message: Message): KeywardError | null;
};

/**
 * The requests of the revisions 2025-11-25 and 2026-07-28. What each of them uses is known and judged by itself. Any other
 * could call a tool by another name, so it is sent only where no rules limit the tools: what a connection without rules
 * refuses by itself are changed tools, and a server needs no other method to change what a tool does.
 */
const knownMethods: ReadonlySet<string> = new Set([
  ...['initialize', 'ping', 'server/discover', 'logging/setLevel', 'completion/complete', 'subscriptions/listen'],
  ...['tools/list', 'tools/call', 'prompts/list', 'prompts/get'],
  ...['resources/list', 'resources/templates/list', 'resources/read', 'resources/subscribe', 'resources/unsubscribe'],
]);

/** Of the extension for tasks, and of 2025-11-25. A server knows a task as the account’s, whoever of its users began it. */
const taskMethods: ReadonlySet<string> = new Set(
  ['get', 'list', 'result', 'cancel', 'update'].map((name) => `tasks/${name}`),
);

/**
 * The rules of a connection for a caller who may use it.
 *
 * @param readOnly for a token for reading only: no tool, since what a server says of a tool is no promise, and no method
 *   that is not known
 */
export function rulesFor(
  credential: Credential,
  access: 'owner' | 'use',
  reader: Reader,
  { readOnly = false }: Limits = {},
): Rules {
  const own = credential.policy?.tools ?? null;
  const post = { method: 'POST', segments: segmentsOf('/') };
  const shared =
    access === 'owner'
      ? null
      : sharedPolicies(forMcp(credential), reader)
          .filter((policy) => allows(policy, post))
          .map(({ tools }) => tools ?? null);

  const byShares = (item: AnyItem, standing: Standing): Verdict => {
    if (shared === null) return 'allow';
    const verdicts = shared.map((rules) => (rules === null ? 'refuse' : judge(rules, item, standing)));
    return verdicts.includes('allow') ? 'allow' : verdicts.includes('ask') ? 'ask' : 'refuse';
  };

  const acts = ({ kind }: AnyItem) => readOnly && kind === 'tool';
  return {
    verdict: (item, standing) =>
      acts(item) ? 'refuse' : stricter(judge(own, item, standing), byShares(item, standing)),
    refusal(item, standing) {
      const what = `The ${item.kind} ${quoted(item.name)}`;
      if (acts(item)) {
        return forbidden(`${what} may change something, and this token is for reading only.`, readingHint);
      }
      if (named(own, item) === 'refuse') {
        return forbidden(`${what} is not one that the policy of this connection allows.`, ownerCanChange);
      }
      if (shared !== null && byShares(item, 'seen') === 'refuse') {
        if (shared.every((rules) => rules === null)) {
          const message = `${what} can not be used by this share: it names no tools, and what it does not name is refused.`;
          return forbidden(message, 'Ask the owner to name the tools that the share is for.');
        }
        return forbidden(`${what} is not one that the share of this connection allows.`, ownerCanChange);
      }
      const why = standing === 'changed' ? 'is not what it was when the owner saw it' : 'is new at the server';
      return forbidden(`${what} ${why}, so it waits until the owner of the connection has looked at it.`, lookHint);
    },
    messageRefusal({ kind, method, items }) {
      if (own === null && shared === null && !readOnly) return null;
      const odd = items.find(
        (item) => !isPlain(item) && !(method === 'completion/complete' && isPlainTemplate(item.name)),
      );
      if (odd !== undefined) {
        const message = `The name of the ${odd.kind} ${quoted(odd.name)} can be read in more than one way, so it can not be judged.`;
        return forbidden(message, 'Write it in its plainest form, as the lists of the server have it.');
      }
      if (kind === 'response' || knownMethods.has(method)) return null;
      if (kind === 'notification' && method.startsWith('notifications/')) return null;
      const name = quoted(oneLine(method, 100) ?? '');
      if (readOnly) return forbidden(`${name} may change something, and this token is for reading only.`, readingHint);
      if (shared === null && taskMethods.has(method)) return null;
      return forbidden(
        `The rules of this connection say nothing of the method ${name}, so it is refused.`,
        ownerCanChange,
      );
    },
  };
}

/** What these rules say of an item as it stands. */
function judge(rules: ToolRules | null, item: AnyItem, standing: Standing): Verdict {
  const verdict = named(rules, item);
  return standing === 'seen' ? verdict : stricter(verdict, rules?.unseen ?? 'refuse');
}

/** What these rules say of an item by each of its names. No rule names what a server says of itself. */
function named(rules: ToolRules | null, { kind, name }: AnyItem): Verdict {
  if (kind === 'server') return 'allow';
  return namesOf({ kind, name })
    .map((one) => verdictOf(rules, one))
    .reduce(stricter);
}

const ownerCanChange = 'Use another one that tools/list shows. Only the owner of the connection can change that.';
const readingHint =
  'It lists, reads resources, gets prompts and completes arguments. Anything else takes a token that may change things.';
const lookHint = 'The owner sees what is new and what changed on their page of Keyward, or with “keyward tools”.';

function forbidden(message: string, hint: string): KeywardError {
  return new KeywardError('forbidden', message, { hint });
}
