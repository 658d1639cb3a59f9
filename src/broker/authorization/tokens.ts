/**
 * What an assistant comes with. None of it is stored: a code and a refresh token are derived from the key of the
 * assistant's record, an access token is proved under the key of the vault, and each is good only as far as that record.
 */
import { createHmac } from 'node:crypto';
import { hasCode } from '../../errors.ts';
import type { Principal, Scope } from '../../principal.ts';
import type { AssistantSecret, TokenParent } from '../../vault/vault.ts';
import { limitsFrom } from '../policy/limits.ts';
import { equalInConstantTime } from '../visitors/browser-binding.ts';
import { type Assistant, findAssistant, nameOfAssistant, type Parts, viaAssistant } from './assistants.ts';
import { noteEnd, noteUse } from './registrations.ts';

/** How long an access token is good, in seconds. */
export const accessTokenSeconds = 600;

/** `kwa_`, `kwr_` or `kwc_` for an access token, a refresh token or a code; what it says, in base64url; and its proof. */
const form = /^kw([arc])_([\w-]{1,512})\.([0-9a-f]{64})$/;
type Letter = 'a' | 'r' | 'c';

type Read = { readonly said: string; readonly words: readonly string[]; readonly proof: string };

/** True for a text that has the form of an access token of Keyward's own. */
export function isAccessToken(text: string): boolean {
  return form.exec(text)?.[1] === 'a';
}

/** A token of this assistant for these scopes. */
export function accessTokenFor({ vault }: Parts, assistantId: string, scopes: readonly string[]): string {
  const endsAt = Math.floor(Date.now() / 1000) + accessTokenSeconds;
  return written('a', [assistantId, `${endsAt}`, ...scopes], (said) => vault.proof('assistant-access', said));
}

/** The assistant that an access token belongs to, and the scopes it names; null for one that is not good, or not any more. */
export async function readAccessToken(
  parts: Parts,
  token: string,
): Promise<{ readonly assistant: Assistant; readonly scopes: readonly string[]; readonly endsAt: number } | null> {
  const read = readToken('a', token);
  if (read === null || !equalInConstantTime(read.proof, parts.vault.proof('assistant-access', read.said))) return null;
  const [id = '', seconds, ...scopes] = read.words;
  const endsAt = Number(seconds) * 1000;
  if (endsAt <= Date.now()) return null;
  const assistant = await findAssistant(parts, id);
  return assistant?.status === 'active' ? { assistant, scopes, endsAt } : null;
}

/** Who came with a token, and what one that is made from it has to know. */
export type Proved = {
  readonly principal: Principal;
  /** When the token ends by itself, in milliseconds since 1970; null is never. */
  readonly endsAt: number | null;
  /** How many tokens it was made from, one from the other. */
  readonly depth: number;
  /** What ends with it. */
  readonly parent: TokenParent;
};

/**
 * Who an access token stands for; null for one that is unknown, altered, over or ended, or made for another resource.
 *
 * @param resource what it has to be for: the address of this Keyward's MCP endpoint
 */
export async function principalOfAssistant(parts: Parts, token: string, resource: string): Promise<Principal | null> {
  return (await readAssistantToken(parts, token, resource))?.principal ?? null;
}

/** As `principalOfAssistant`, with what a token that is made from this one has to know. */
export async function readAssistantToken(parts: Parts, token: string, resource: string): Promise<Proved | null> {
  const found = await readAccessToken(parts, token);
  if (found?.assistant.resource !== resource) return null;
  parts.vault.touchToken(found.assistant);
  const { id, tenant, owner, scopes: agreed } = found.assistant;
  const limits = limitsFrom(found.assistant.limits);
  const scopes = new Set(agreed.filter((scope) => found.scopes.includes(scope)) as Scope[]);
  const [client, via] = [nameOfAssistant(found.assistant), viaAssistant(found.assistant)];
  const principal = { tenant, user: owner, scopes, client, via, ...(limits && { limits }) };
  return { principal, endsAt: found.endsAt, depth: 0, parent: { kind: 'assistant', id } };
}

/** What the code of an assistant stands for. */
type Promised = NonNullable<AssistantSecret['code']>;

/** The authorization code of an assistant; from now on it stands for this. Null when the assistant is no more. */
export async function codeFor(parts: Parts, assistantId: string, code: Promised): Promise<string | null> {
  const record = await findAssistant(parts, assistantId);
  if (record?.status !== 'promised') return null;
  const { key } = await parts.vault.open('assistant', record);
  await parts.vault.commit([{ op: 'update', kind: 'assistant', record, secret: { key, code } }]);
  return derived('c', key, [assistantId]);
}

/** What a code stands for, and whether it was exchanged already; null for one that was never made, or whose assistant ended. */
export async function readCode(
  parts: Parts,
  text: string,
): Promise<{ readonly assistant: Assistant; readonly code: Promised; readonly used: boolean } | null> {
  const read = await readDerived(parts, 'c', text);
  if (read === null || read.secret.code === null) return null;
  const { assistant, secret } = read;
  return { assistant, code: secret.code as Promised, used: assistant.status === 'active' };
}

/** Exchanges the code: the assistant lasts as long as its owner chose. False when somebody else did, or it was ended. */
export async function exchangeCode(parts: Parts, text: string): Promise<boolean> {
  const read = await readDerived(parts, 'c', text);
  if (read?.assistant.status !== 'promised') return false;
  const { assistant } = read;
  const { clientId, endsAt } = assistant;
  // First, so that no assistant belongs to a program that was forgotten.
  await noteUse(parts, clientId, endsAt);
  const isExchanged = await changed(parts, { ...assistant, status: 'active', expiresAt: endsAt });
  if (!isExchanged) await noteEnd(parts, clientId);
  return isExchanged;
}

/** Which refresh token of which assistant this is; `used` for all but the newest. Null for one that was never made. */
export async function readRefreshToken(
  parts: Parts,
  text: string,
): Promise<{ readonly assistant: Assistant; readonly used: boolean } | null> {
  const read = await readDerived(parts, 'r', text);
  if (read === null || read.assistant.status !== 'active') return null;
  return { assistant: read.assistant, used: Number(read.words[1]) !== read.assistant.rotation };
}

/**
 * The refresh token of this number; the first has number 0. It takes the place of the one before it, which is used by
 * that. Null when that one was used already, or the assistant was ended.
 */
export async function refreshTokenFor(parts: Parts, assistantId: string, rotation: number): Promise<string | null> {
  const record = await findAssistant(parts, assistantId);
  if (record?.status !== 'active' || record.rotation !== Math.max(0, rotation - 1)) return null;
  const { key } = await parts.vault.open('assistant', record);
  if (rotation > 0 && !(await changed(parts, { ...record, rotation }))) return null;
  return derived('r', key, [assistantId, `${rotation}`]);
}

/** False when somebody else changed or ended it first. */
async function changed({ vault }: Parts, record: Assistant): Promise<boolean> {
  try {
    await vault.commit([{ op: 'update', kind: 'assistant', record }]);
    return true;
  } catch (error) {
    if (hasCode(error, 'conflict')) return false;
    throw error;
  }
}

async function readDerived(parts: Parts, letter: 'r' | 'c', text: string) {
  const read = readToken(letter, text);
  const assistant = read && (await findAssistant(parts, read.words[0] ?? ''));
  if (read === null || assistant === null) return null;
  const secret = await parts.vault.open('assistant', assistant).catch((error: unknown) => {
    if (hasCode(error, 'not_found')) return null;
    throw error;
  });
  if (secret === null || !equalInConstantTime(read.proof, proofUnder(secret.key, letter, read.said))) return null;
  return { assistant, secret, words: read.words };
}

function readToken(letter: Letter, text: string): Read | null {
  const [, found, said = '', proof = ''] = form.exec(text) ?? [];
  if (found !== letter) return null;
  return { said, proof, words: Buffer.from(said, 'base64url').toString().split(' ') };
}

function derived(letter: 'r' | 'c', key: string, words: readonly string[]): string {
  return written(letter, words, (said) => proofUnder(key, letter, said));
}

function written(letter: Letter, words: readonly string[], proofOf: (said: string) => string): string {
  const said = Buffer.from(words.join(' ')).toString('base64url');
  return `kw${letter}_${said}.${proofOf(said)}`;
}

function proofUnder(key: string, letter: Letter, said: string): string {
  return createHmac('sha256', Buffer.from(key, 'base64url')).update(`${letter} ${said}`).digest('hex');
}
