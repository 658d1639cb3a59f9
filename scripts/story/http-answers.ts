/** What a program reads that asks a Keyward over HTTP with curl: the bodies that pages print. */
import { startKeywardHttp } from '../../test/support/servers/keyward-http.ts';

const nobody = '00000000-0000-4000-8000-000000000000';

/** Name of an answer → its body as it came. */
export async function askOverHttp(): Promise<ReadonlyMap<string, string>> {
  const keyward = await startKeywardHttp();
  try {
    const token = await keyward.sessionToken('ann', { scopes: ['credentials:release'] });
    const ask = async (path: string, headers: Record<string, string> = {}) =>
      (await fetch(`${keyward.origin}${path}`, { headers })).text();
    return new Map([
      ['ready', await ask('/readyz')],
      ['gateway-no-token', await ask(`/proxy/${nobody}/`)],
      ['rest-missing', await ask(`/connection/${nobody}/credentials`, { authorization: `Bearer ${token}` })],
    ]);
  } finally {
    await keyward.stop();
  }
}
