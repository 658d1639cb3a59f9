/** A connector for an API on loopback, and the options of a Keyward that may call it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const echoConnector = 'custom.echo';

export type EchoEnv = { readonly env: Record<string, string>; remove(): Promise<void> };

/**
 * @param also further hosts that egress may reach, though the connector may not
 * @param others further definitions
 */
export async function echoEnv(
  origin: string,
  also: readonly string[] = [],
  others: readonly Definition[] = [],
): Promise<EchoEnv> {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-echo-'));
  for (const one of [definition(origin), ...others])
    await writeFile(join(folder, `${one.id}.json`), JSON.stringify(one));
  const allowed = [new URL(origin).host, ...also].join(',');
  return {
    env: { KEYWARD_CONNECTORS_DIR: folder, KEYWARD_EGRESS_ALLOW: allowed, KEYWARD_RELEASE: 'allow' },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

type Definition = Readonly<Record<string, unknown>> & { readonly id: string };

function definition(origin: string): Definition {
  const secret = (name: string) => ({
    type: 'object',
    properties: { [name]: { type: 'string', title: name, writeOnly: true } },
    required: [name],
  });
  return {
    id: echoConnector,
    name: 'Echo',
    categories: ['testing'],
    docsUrl: 'https://echo.example/docs',
    appUrl: 'https://echo.example/apps',
    api: {
      baseUrl: `${origin}/v1`,
      allowedHosts: [new URL(origin).host],
      headers: { 'x-constant': 'one' },
      verify: { path: '/whoami', accountPath: 'account' },
    },
    auth: [
      {
        authenticationType: 'api_key',
        inputs: secret('apiKey'),
        inject: [{ in: 'query', name: 'api_key', value: '{apiKey}' }],
      },
      { authenticationType: 'bearer', inputs: secret('token') },
      { authenticationType: 'basic' },
    ],
  };
}
