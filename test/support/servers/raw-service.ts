/** A service that writes its answers by hand, behind a Keyward with a connection to it. */
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Principal } from '../../../src/principal.ts';
import { echoConnector, echoEnv } from './echo-connector.ts';
import { type RestServer, startRest } from './rest.ts';

/** Listens with the service, starts Keyward for this one owner and connects the service. The end of the test ends both. */
export async function connectRawService(
  service: Server,
  owner: Principal,
  token: string,
): Promise<{ readonly keyward: RestServer; readonly connectionId: string }> {
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  onTestFinished(() => void service.close());
  const echo = await echoEnv(`http://127.0.0.1:${(service.address() as AddressInfo).port}`);
  const keyward = await startRest(echo.env, new Map([[owner.user, owner]]));
  onTestFinished(async () => {
    await keyward.close();
    await echo.remove();
  });
  const input = { connectorId: echoConnector, authenticationType: 'bearer', token };
  const { credentialId } = await keyward.keyward.run('create_credential', input, { principal: owner });
  return { keyward, connectionId: String(credentialId) };
}
