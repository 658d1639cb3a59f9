/**
 * The session that the client has with the server (until 2025-11-25): begun by its own handshake, and begun again with that
 * very handshake when the server forgot it.
 */
import type { ServiceAnswer } from '../../broker/calls/call-service.ts';
import { KeywardError } from '../../errors.ts';
import { quoted } from '../../text.ts';
import { isRecord, type Message, type Written } from './message.ts';

export type Session = {
  readonly id: string | null;
  readonly version: string;
  readonly handshake: Written;
  /** The client's word that it is ready; null until it came. */
  ready: Written | null;
  /** What the client set for the session, by what it is about: it is set again in the next one. */
  readonly settings: Map<string, Written>;
  /** Requests of the server that the client has not answered, by their ids. */
  readonly asked: Set<string>;
  /** Ends what listens to it. */
  readonly ended: AbortController;
};

/** Most settings, and open requests of the server, that are kept for a session. */
const mostKept = 1_000;

/** The session that an answer to `initialize` begins. Null for an answer that begins none. */
export function sessionOf(handshake: Written, answer: ServiceAnswer, { result }: Message): Session | null {
  if (!isRecord(result) || typeof result.protocolVersion !== 'string') return null;
  return {
    id: answer.headers.get('mcp-session-id') ?? null,
    version: result.protocolVersion,
    handshake,
    ready: null,
    settings: new Map(),
    asked: new Set(),
    ended: new AbortController(),
  };
}

/** Keeps what a request that succeeded has set: the level of the log, and what is subscribed to. */
export function keepSetting({ settings }: Session, { method, params }: Message, written: Written): void {
  const about = method === 'logging/setLevel' ? method : `resource ${String(params.uri)}`;
  if (method === 'resources/unsubscribe') settings.delete(about);
  else if (['logging/setLevel', 'resources/subscribe'].includes(method) && settings.size < mostKept)
    settings.set(about, written);
}

/** Notes a request of the server, or its withdrawal. */
export function noteAsked({ asked }: Session, { kind, id, method, params }: Message): void {
  if (kind === 'request' && id !== null && asked.size < mostKept) asked.add(id);
  if (method === 'notifications/cancelled') asked.delete(JSON.stringify(params.requestId));
}

type Renewing = {
  /** Posts a message of that session, or of none yet, and answers the one answer to it; null for what has none. */
  readonly ask: (
    written: Written,
    session: Session | null,
  ) => Promise<{ answer: ServiceAnswer; reply: Message } | null>;
  readonly warn: (event: string) => void;
};

/**
 * Begins a session in the place of one that the server forgot.
 *
 * @throws KeywardError `provider_refused` where the server does not take the same handshake again, and what `ask` throws
 */
export async function renewed(old: Session, { ask, warn }: Renewing): Promise<Session> {
  const begun = await ask(old.handshake, null);
  const session = begun === null ? null : sessionOf(old.handshake, begun.answer, begun.reply);
  if (session === null) throw notTaken(begun?.reply.error);
  // The client goes by what the server said first.
  if (session.version !== old.version) throw changed();
  if (old.ready !== null) await ask(old.ready, session);
  for (const [about, written] of old.settings) {
    session.settings.set(about, written);
    await ask(written, session).catch(() => warn('mcp.setting_lost'));
  }
  session.ready = old.ready;
  return session;
}

function notTaken(error: unknown): KeywardError {
  const said = isRecord(error) && typeof error.message === 'string' ? `: ${quoted(error.message, 200)}` : '';
  return new KeywardError('provider_refused', `The MCP server forgot the session and takes no new one${said}.`, {
    hint: 'Start the server again in your client.',
  });
}

function changed(): KeywardError {
  return new KeywardError(
    'provider_garbled',
    'The MCP server forgot the session, and speaks another version of MCP now.',
    { hint: 'Start the server again in your client, which then learns about it.' },
  );
}
