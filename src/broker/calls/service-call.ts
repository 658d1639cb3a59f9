/** A call of a service with a connection, and its answer, as every door has them. */
import type { EgressRequest } from '../../net/egress.ts';
import type { Reserved } from './headers.ts';

/** One call of a service. */
export type ServiceCall = Pick<EgressRequest, 'bodyLength' | 'silenceMs' | 'signal' | 'timeoutMs'> & {
  readonly connectionId: string;
  readonly method: string;
  /** Below the base URL of the connection, with a query or without; or a whole URL there. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly reserved: Reserved;
  /** Nobody here brings a request for approval to the owner: of an MCP server it is answered, not thrown. */
  readonly unattended?: boolean;
  readonly body?: NonNullable<EgressRequest['body']> | undefined;
};

/** What a service answered. */
export type ServiceAnswer = {
  readonly status: number;
  /** Filtered and without the secret, by name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Decoded and without the secret, as it comes. Read it or discard it: it holds a connection. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Instead of reading the body. */
  readonly discard: () => Promise<void>;
  /** Takes the secret out of a text that was made of the body: decoding may bring it to light. */
  readonly scrub: (text: string) => Promise<string>;
  /** Name of the service. */
  readonly service: string;
  /** Where a redirect leads, when that is below the base URL too: the path of another call. */
  readonly redirect: string | null;
};
