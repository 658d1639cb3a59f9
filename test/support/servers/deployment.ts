/** Keyward as a team runs it: `keyward http`, an issuer that signs people in, and a service to connect. */

import { freePort } from '../clients/mcp-clients.ts';
import { startWorld, type World, type WorldOptions } from '../world.ts';
import { type Issuer, type IssuerOptions, pagesClient, startIssuer } from './issuer.ts';
import { type HttpKeyward, startKeywardHttp } from './keyward-http.ts';
import { startTlsProxy } from './tls-proxy.ts';

export type Deployment = {
  readonly world: World;
  readonly issuer: Issuer;
  readonly keyward: HttpKeyward;
  close(): Promise<void>;
};

export type DeploymentOptions = {
  readonly world?: WorldOptions;
  readonly issuer?: Omit<IssuerOptions, 'origin'>;
  /** Behind a TLS proxy. */
  readonly tls?: boolean;
  /** Further options of Keyward. */
  readonly env?: Readonly<Record<string, string>>;
};

export async function startDeployment(options: DeploymentOptions = {}): Promise<Deployment> {
  const port = await freePort();
  const proxy = options.tls ? await startTlsProxy(port) : null;
  const origin = proxy?.origin ?? `http://127.0.0.1:${port}`;
  const [world, issuer] = await Promise.all([startWorld(options.world), startIssuer({ ...options.issuer, origin })]);
  const keyward = await startKeywardHttp({
    ...world.env,
    KEYWARD_EGRESS_ALLOW: `${world.env.KEYWARD_EGRESS_ALLOW},${new URL(issuer.issuer).host}`,
    KEYWARD_PORT: `${port}`,
    ...(proxy === null ? {} : { KEYWARD_PUBLIC_URL: origin, KEYWARD_TRUSTED_PROXIES: '127.0.0.1' }),
    KEYWARD_ISSUER: issuer.issuer,
    KEYWARD_SIGN_IN_CLIENT_ID: pagesClient.clientId,
    KEYWARD_SIGN_IN_CLIENT_SECRET: pagesClient.clientSecret,
    // Tests make more calls in a minute than anybody else.
    KEYWARD_RATE_LIMIT: '1000000',
    KEYWARD_MAX_CONNECTIONS: '4000',
    ...options.env,
  });
  return {
    world,
    issuer,
    keyward,
    async close() {
      const code = await keyward.stop();
      await Promise.all([issuer.close(), world.close(), proxy?.close()]);
      if (code !== 0) throw new Error(`keyward http ended with ${code}:\n${keyward.said()}`);
    },
  };
}
