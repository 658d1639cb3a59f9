/** One running Keyward with one client for the tests of a file, where none of them says anything of its start or end. */
import { afterAll, expect } from 'vitest';
import {
  type ClientKind,
  type ClientOptions,
  type KeywardProcess,
  type LinkAnswer,
  startWithClient,
  type TestClient,
} from './mcp-clients.ts';

export type Link = { readonly url: string; readonly message: string };
/** What the person does with a link. */
export type Act = (url: string) => Promise<LinkAnswer>;

export type Shared = {
  readonly keyward: KeywardProcess;
  readonly client: TestClient;
  /** The links that were shown since the test asked for the client. */
  readonly links: readonly Link[];
};

/**
 * Answers the client of a kind, and the Keyward that it started, to each test that asks: the first one starts them, and they
 * end, without an error, after the last test. A client takes links if it `offers` to, and does with them what the test says.
 */
export function shareKeyward(offers: 'links' | 'no links', env: () => Readonly<Record<string, string>>) {
  const running = new Map<ClientKind, Promise<Omit<Shared, 'links'>>>();
  const people = new Map<ClientKind, { act: Act; links: Link[] }>();

  const start = (kind: ClientKind) => {
    const onLink: ClientOptions['onLink'] = async (link) => {
      const person = people.get(kind);
      person?.links.push(link);
      return (await person?.act(link.url)) ?? 'decline';
    };
    return startWithClient(kind, { env: env(), ...(offers === 'links' && { onLink }) });
  };

  afterAll(async () => {
    for (const started of running.values()) {
      const { keyward, client } = await started;
      await client.close();
      expect(await keyward.exited).toBe(0);
    }
  });

  return async (kind: ClientKind, act: Act = async () => 'decline'): Promise<Shared> => {
    const links: Link[] = [];
    people.set(kind, { act, links });
    const started = running.get(kind) ?? start(kind);
    running.set(kind, started);
    return { ...(await started), links };
  };
}
