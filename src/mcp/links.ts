/**
 * Showing a person a link through their MCP client: URL elicitation, in both protocol eras. Revision 2026-07-28 returns
 * an `input_required` result and is called again with the answer; revision 2025-11-25 asks within the call.
 */
import { randomUUID } from 'node:crypto';
import {
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { type Client, takesLinks } from './client.ts';

/** What a tool returns to be called again once the person has answered; only 2026-07-28 clients get it. */
export type LinkRequired = InputRequiredResult;

/** `accept` means that the person agreed to open the link, not that they finished what is behind it. */
export type LinkAnswer = 'accept' | 'decline' | 'cancel' | 'none';

export type Links = {
  /** The client declared URL elicitation. Look before starting a flow that would be meant for it. */
  readonly offered: boolean;
  /** What an earlier round of this call returned as its state. It comes from the client: check it. */
  readonly state: string | undefined;
  /** What the person said in an earlier round. */
  readonly answer: LinkAnswer;
  /** Shows a link: the result to return, or the person's answer where the client answers within the call. */
  readonly show: (link: { url: string; message: string; state: string }) => Promise<LinkRequired | LinkAnswer>;
};

/** Name of the one link in an `input_required` result. */
const responseKey = 'connect';

/** The SDK waits a minute by default, which is short for a person reading a consent dialog. */
const answerTimeoutMs = 600_000;

/** What a client sends along when it calls again. */
type RetryFields = 'inputResponses' | 'requestState';

/** Links for one call of a 2026-07-28 client; without `retry` it is the first round of the call. */
export function roundTripLinks(client: Client, retry?: Pick<ServerContext['mcpReq'], RetryFields>): Links {
  const response = inputResponse(retry?.inputResponses, responseKey);
  const state = retry?.requestState();
  return {
    offered: takesLinks(client),
    state: typeof state === 'string' ? state : undefined,
    answer: response.kind === 'elicit' ? response.action : 'none',
    show: async ({ url, message, state: next }) =>
      inputRequired({
        inputRequests: { [responseKey]: inputRequired.elicitUrl({ url, message }) },
        requestState: next,
      }),
  };
}

/** For a client that was told of nothing that it could answer with: 2025-11-25 over HTTP, where nothing stays open. */
export const noLinks: Links = { offered: false, state: undefined, answer: 'none', show: async () => 'none' };

/**
 * Links for one call of a 2025-11-25 client. The SDK could turn `input_required` into this request too, but then a
 * client that fails at its own dialog ends the call in the SDK's words, with the attempt left open.
 */
export function askingLinks(client: Client, ctx: ServerContext): Links {
  return {
    offered: takesLinks(client),
    state: undefined,
    answer: 'none',
    show: async ({ url, message }) => {
      try {
        const options = { timeout: answerTimeoutMs, signal: ctx.mcpReq.signal };
        const params = { mode: 'url', url, message, elicitationId: randomUUID() } as const;
        return (await ctx.mcpReq.elicitInput(params, options)).action;
      } catch (error) {
        if (ctx.mcpReq.signal.aborted) throw error;
        // A client that fails at its own dialog must not cost the person the flow: the plain result holds the link.
        return 'none';
      }
    },
  };
}
