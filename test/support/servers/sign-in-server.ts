/** The whole service on a real port, over a real broker and vault that the test can reach into. */
import type { Broker } from '../../../src/broker/broker.ts';
import type { OAuthClient } from '../../../src/broker/oauth/context.ts';
import type { ClaimNames } from '../../../src/broker/sign-in/claims.ts';
import { pagesAt } from '../../../src/cli/commands/http.ts';
import { listen } from '../../../src/http/listener/server.ts';
import { createMetrics } from '../../../src/http/ops/metrics.ts';
import { createService } from '../../../src/http/service.ts';
import { createMcpEndpoint } from '../../../src/mcp/http.ts';
import { freePort } from '../clients/mcp-clients.ts';
import { startSession } from '../clients/session.ts';

export type SignInServer = { readonly broker: Broker; readonly origin: string; close(): Promise<void> };

export type SignInServerOptions = {
  /** Default: any free one. */
  readonly port?: number;
  /** The issuer that people sign in at, and Keyward's client there. */
  readonly issuer?: { readonly names: ClaimNames; readonly client: OAuthClient | null };
  /** Requests that one user may make in a minute; default: as many as a test makes. */
  readonly rateLimit?: number;
  /** Where it is reached from outside; default: where it listens. */
  readonly publicUrl?: string;
  /** What of the Internet there is, by host; default: only what egress itself may reach. */
  readonly internet?: Readonly<Record<string, () => string>>;
};

/** Egress, which finds these documents where it would look for them in the Internet. */
function withInternet(
  egress: Broker['egress'],
  documents: NonNullable<SignInServerOptions['internet']>,
): Broker['egress'] {
  return {
    ...egress,
    async request(request) {
      const document = documents[request.url.host];
      if (document === undefined) return egress.request(request);
      const { status, headers } = new Response();
      return { status, headers: headers as never, body: Buffer.from(document()), url: request.url };
    },
  };
}

export async function startSignInServer(
  env: Readonly<Record<string, string>>,
  { issuer, internet = {}, ...options }: SignInServerOptions = {},
): Promise<SignInServer> {
  const session = await startSession(env);
  const port = options.port ?? (await freePort());
  const local = `http://127.0.0.1:${port}`;
  const origin = options.publicUrl ?? local;
  const egress = withInternet(session.broker.egress, internet);
  const broker: Broker = { ...session.broker, egress, pages: pagesAt(origin) };
  const protocol = createMcpEndpoint(broker, '0');
  const { app, direct } = createService({
    broker,
    protocol,
    publicUrl: origin,
    // As `keyward http` on loopback: a service may send a browser back under this name.
    hosts: [`localhost:${port}`, `127.0.0.1:${port}`],
    issuer: issuer === undefined ? null : { ...issuer.names, audience: `${origin}/mcp`, scopeClaim: null },
    signIn: issuer?.client ?? null,
    metrics: createMetrics(),
    trustedProxies: ['127.0.0.1'],
    rateLimit: options.rateLimit ?? 1_000_000,
    maxConnections: 1_000,
  });
  const listener = await listen((request, env) => app.fetch(request, env), ['127.0.0.1'], port, { direct });
  return {
    broker,
    origin: local,
    async close() {
      await listener.close();
      await protocol.close();
      await session.close();
    },
  };
}
