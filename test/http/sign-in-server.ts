/** The connect pages of HTTP mode on a real port, over a real broker and vault. */
import type { Broker } from '../../src/broker/broker.ts';
import type { ClaimNames } from '../../src/broker/issuer-claims.ts';
import { createIssuerSignIn } from '../../src/broker/issuer-sign-in.ts';
import type { OAuthClient } from '../../src/broker/oauth/context.ts';
import { pagesAt } from '../../src/cli/http.ts';
import { createApp } from '../../src/http/app.ts';
import { approvalRoutes } from '../../src/http/approvals/routes.ts';
import { callbackRoutes } from '../../src/http/connect/callback.ts';
import { connectRoutes } from '../../src/http/connect/routes.ts';
import { homeRoutes } from '../../src/http/home.ts';
import { listen } from '../../src/http/server.ts';
import { type SignInOptions, signIn } from '../../src/http/sign-in/index.ts';
import { issuerCallbackPath } from '../../src/http/sign-in/issuer.ts';
import { freePort } from '../support/mcp-clients.ts';
import { startSession } from './session.ts';

export type SignInServer = { readonly broker: Broker; readonly origin: string; close(): Promise<void> };

export type SignInServerOptions = {
  /** Default: any free one. */
  readonly port?: number;
  /** The issuer that people sign in at, and Keyward's client there. */
  readonly issuer?: { readonly names: ClaimNames; readonly client: OAuthClient };
};

export async function startSignInServer(
  env: Readonly<Record<string, string>>,
  options: SignInServerOptions = {},
): Promise<SignInServer> {
  const session = await startSession(env);
  const port = options.port ?? (await freePort());
  const host = `127.0.0.1:${port}`;
  const origin = `http://${host}`;
  const broker: Broker = { ...session.broker, pages: pagesAt(origin) };
  const parts = { broker: () => broker, secure: false, issuer: issuerOf(() => broker, origin, options) };
  const app = createApp({ hosts: [host], origins: [origin], log: broker.log });
  const { routes, visitor } = signIn(parts);
  app.route('/', routes);
  app.route('/', homeRoutes({ ...parts, visitor, mcpUrl: `${origin}/mcp` }));
  app.route('/', connectRoutes({ ...parts, place: `encrypted in the vault of ${host}`, visitor }));
  app.route('/', approvalRoutes({ ...parts, visitor }));
  app.route('/', callbackRoutes({ ...parts, pages: origin, visitor }));
  const listener = await listen((request, bindings) => app.fetch(request, bindings), ['127.0.0.1'], port);
  return {
    broker,
    origin,
    async close() {
      await listener.close();
      await session.close();
    },
  };
}

function issuerOf(broker: () => Broker, publicUrl: string, { issuer }: SignInServerOptions): SignInOptions['issuer'] {
  if (issuer === undefined) return null;
  const client = { ...issuer.client, redirectUri: `${publicUrl}${issuerCallbackPath}` };
  return { signIn: createIssuerSignIn(broker, issuer.names, client), publicUrl };
}
