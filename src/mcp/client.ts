/** What a client said about itself: with every request (2026-07-28) or in the handshake (2025-11-25). */
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type ClientCapabilities,
  type Implementation,
  type Server,
  type ServerContext,
} from '@modelcontextprotocol/server';

export type Client = {
  readonly capabilities: ClientCapabilities | undefined;
  readonly info: Implementation | undefined;
};

/** The SDK has checked the envelope against the specification's schema, but types it as an empty object. */
type Envelope = {
  readonly [CLIENT_CAPABILITIES_META_KEY]?: ClientCapabilities;
  readonly [CLIENT_INFO_META_KEY]?: Implementation;
};

/** The client of this request. A 2025-era request without a handshake (stateless HTTP) says nothing about its client. */
export function clientOf(server: Server, ctx: ServerContext): Client {
  const { envelope } = ctx.mcpReq;
  if (envelope) return clientIn(envelope);
  return { capabilities: server.getClientCapabilities(), info: server.getClientVersion() };
}

/** The client of a 2026-07-28 request, from the envelope that the SDK has checked. */
export function clientIn(envelope: Envelope): Client {
  return { capabilities: envelope[CLIENT_CAPABILITIES_META_KEY], info: envelope[CLIENT_INFO_META_KEY] };
}

/** The client can show its person a link and ask whether to open it. */
export function takesLinks(client: Client): boolean {
  return client.capabilities?.elicitation?.url !== undefined;
}
