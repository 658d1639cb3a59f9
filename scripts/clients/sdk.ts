/** Clients made with the SDKs: each registers itself, or names its document where it has one. */
import { Client as ClientTwo, StreamableHTTPClientTransport as TransportTwo } from '@modelcontextprotocol/client';
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportOne } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { must, type Stage } from './stage.ts';

const redirectUrl = 'http://127.0.0.1:33418/callback';

const sdks = {
  'SDK 1.x': { Client: ClientOne, Transport: TransportOne },
  'SDK 2.x': { Client: ClientTwo, Transport: TransportTwo },
} as unknown as Readonly<Record<string, { Client: typeof ClientTwo; Transport: typeof TransportTwo }>>;

export async function sdk({ url, letIn, say }: Stage): Promise<void> {
  for (const [name, { Client, Transport }] of Object.entries(sdks)) {
    say(`A client of ${name}`);
    let back = new URL('about:blank');
    const kept: Record<string, unknown> = {};
    const keep = (what: string) => ({
      [what]: () => kept[what],
      [`save${what[0]?.toUpperCase()}${what.slice(1)}`]: (value: unknown) => {
        kept[what] = value;
      },
    });
    const authProvider = {
      redirectUrl,
      clientMetadata: { client_name: `A client of ${name}`, redirect_uris: [redirectUrl] },
      ...keep('clientInformation'),
      ...keep('tokens'),
      ...keep('codeVerifier'),
      ...keep('discoveryState'),
      async redirectToAuthorization(link: URL) {
        back = await letIn(link.href);
      },
    } as never;
    const connect = () => ({
      transport: new Transport(new URL(url), { authProvider }),
      client: new Client({ name: 'transcript', version: '1' }),
    });
    const first = connect();
    const refused = await first.client.connect(first.transport).then(
      () => false,
      () => true,
    );
    must(refused, `a client of ${name} came in without a person`);
    await first.transport.finishAuth(back.searchParams.get('code') ?? '', back.searchParams.get('iss') ?? '');
    const { client, transport } = connect();
    await client.connect(transport);
    const { structuredContent } = await client.callTool({ name: 'list_credentials', arguments: {} });
    say(`list_credentials answered ${JSON.stringify(structuredContent)}`);
    await client.close();
  }
}
