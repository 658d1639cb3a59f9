/**
 * Asking an MCP server what it is and what it has: how its key is checked, and where its tools are seen first. The SDK's own
 * client speaks, in whichever era the server knows. Each of its requests goes through the egress with the connection's
 * secret; it has no other way out. What the server answers is bounded, and scrubbed before it is read.
 */
import { Client, type FetchLike, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { KeywardError } from '../../errors.ts';
import { parseJson, TooDeepError } from '../../json.ts';
import { readBody } from '../../net/body.ts';
import type { EgressStream } from '../../net/egress.ts';
import { createScrubber, type Scrubber } from '../../net/scrub/scrub.ts';
import type { ServerList } from '../../vault/vault.ts';
import { version } from '../../version.ts';
import type { Broker } from '../broker.ts';
import type { ServiceAnswerFacts } from '../grants/verdict.ts';
import { oneLine } from '../input/text.ts';
import { type ComparedItem, type Definition, definitionsIn } from '../mcp-servers/definitions.ts';
import { parseAnswer } from '../oauth/answer.ts';
import { apiRequest, secretsOf, serverOf } from './api-request.ts';
import type { Connection } from './connection.ts';
import { readTarget } from './path.ts';
import { signIfNeeded } from './signing.ts';

/** A person waits for the answer, in milliseconds. */
const usualMs = 15_000;
/** As much of all answers together is read, in bytes. */
const maxBytes = 4 * 1024 * 1024;
/** More requests than a server that pages sensibly needs. */
const maxRequests = 100;
/** Of a refusal, this much is read. */
const refusalBytes = 65_536;
/** Longest name of a server, in characters. */
const maxServerName = 120;

/** What a server has. */
export type ServerListing = {
  /** What the server calls itself. */
  readonly name: string | null;
  /** Its address. */
  readonly server: string;
  /** All tools and prompts that it has, or as many as are kept, and its instructions. */
  readonly definitions: readonly Definition<ComparedItem>[];
};

/** The answer in which a verdict on the secret is found, and what was listed; null where the server told nothing. */
type ListingAnswer = ServiceAnswerFacts & { readonly listing: ServerListing | null };

/**
 * All that a client may be able to do: servers leave out tools that their client could not serve. What a server then asks
 * is answered with an error; listing needs none of it.
 */
const capabilities = { elicitation: { form: {}, url: {} }, roots: { listChanged: true }, sampling: { tools: {} } };

/** The method of each list. */
const methods = {
  tools: 'tools/list',
  prompts: 'prompts/list',
} as const satisfies Partial<Record<ServerList, string>>;

/**
 * Lists the tools and prompts. Resources are no part of what an owner looks at.
 *
 * @throws KeywardError what egress throws, `provider_garbled` where no MCP server answers, `egress_too_large`
 */
export async function listServer(
  broker: Broker,
  connection: Connection,
  { signal, timeoutMs = usualMs }: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
): Promise<ListingAnswer> {
  // What goes wrong in the middle of a stream does not reach the request that waits for its answer.
  const stop = new AbortController();
  const end = AbortSignal.any([AbortSignal.timeout(timeoutMs), stop.signal, ...(signal ? [signal] : [])]);
  const sender = createSender(broker, connection, end, () => stop.abort());
  const client = new Client({ name: 'keyward', version }, { capabilities, versionNegotiation: { mode: 'auto' } });
  const transport = new StreamableHTTPClientTransport(sender.url, { fetch: sender.fetch });
  const options = { signal: end, timeout: timeoutMs };
  try {
    await client.connect(transport, options);
    const { prompts } = client.getServerCapabilities() ?? {};
    const lists: readonly (keyof typeof methods)[] = prompts ? ['tools', 'prompts'] : ['tools'];
    const definitions = definitionsIn('server', { instructions: client.getInstructions() });
    for (const list of lists) {
      const ask = (cursor?: string) =>
        client.request({ method: methods[list], params: cursor === undefined ? {} : { cursor } }, anything, options);
      definitions.push(...(await allOf(list, ask, sender.check)));
    }
    const name = oneLine(client.getServerVersion()?.title ?? client.getServerVersion()?.name, maxServerName);
    return { ...sender.last(), listing: { name, server: serverOf(connection).href, definitions } };
  } catch (error) {
    const { failure, refusal } = sender.failed();
    if (failure !== null) throw failure;
    if (refusal !== null) return { ...refusal, listing: null };
    end.throwIfAborted();
    throw noServer(connection, error);
  } finally {
    await transport.terminateSession().catch(() => {});
    await client.close().catch(() => {});
  }
}

/** A list from its first page to its last. One that a server does not have is empty. */
async function allOf(
  list: keyof typeof methods,
  ask: (cursor?: string) => Promise<unknown>,
  check: () => void,
): Promise<Definition<ComparedItem>[]> {
  const found: Definition<ComparedItem>[] = [];
  const asked = new Set<string>();
  for (let cursor: string | undefined; ; ) {
    const page = await ask(cursor).catch((error: unknown) => {
      check();
      if (isAnswered(error)) return {};
      throw error;
    });
    // The SDK parsed it, to whatever depth: what is compared and shown later must not nest deeper than other JSON.
    const result = parseJson(JSON.stringify(page));
    found.push(...definitionsIn(list, result));
    const { nextCursor } = result as { nextCursor?: unknown };
    // A server that names a page twice would be asked for ever.
    if (typeof nextCursor !== 'string' || asked.has(nextCursor) || found.length >= maxListed) return found;
    asked.add(nextCursor);
    cursor = nextCursor;
  }
}

/** More than is kept. */
const maxListed = 2_500;

/** A JSON-RPC error is the server's answer; anything else is none. */
function isAnswered(error: unknown): boolean {
  return error instanceof Error && typeof (error as { code?: unknown }).code === 'number';
}

/** Takes a result as it is: what a schema would leave out belongs to the definition. */
const anything = {
  '~standard': { version: 1, vendor: 'keyward', validate: (value: unknown) => ({ value }) },
} as const;

/** What the SDK's client sends with, and what became of it. */
function createSender(broker: Broker, connection: Connection, signal: AbortSignal, stop: () => void) {
  const scrubber = createScrubber(secretsOf(connection));
  const target = readTarget('/');
  const { url } = apiRequest(connection, { method: 'POST', target, headers: {} });
  let [bytes, requests] = [0, 0];
  let failure: Error | null = null;
  let refusal: ServiceAnswerFacts | null = null;
  let last: ServiceAnswerFacts = { status: 200, headers: new Map() };
  const check = () => {
    if (failure !== null) throw failure;
  };
  const send = async (given: Headers, method: string, body: string | undefined): Promise<Response> => {
    requests += 1;
    if (requests > maxRequests) throw tooMuch(connection);
    const headers = Object.fromEntries(given);
    const request = apiRequest(connection, { method, target, headers, body });
    const answer = await broker.egress.open({ ...(await signIfNeeded(connection, { ...request, signal })) });
    const facts = { status: answer.status, headers: answer.headers };
    if (answer.status >= 300) {
      const content = parseAnswer(await readBody(answer.body, refusalBytes));
      // What a first refusal says holds: what follows it is only a client that tries something else.
      if (refusal === null || isRefusal(facts) || !isRefusal(refusal)) refusal = { ...facts, content };
      return new Response(JSON.stringify(content ?? null), {
        status: answer.status < 400 ? 404 : answer.status,
        headers: [...answer.headers].filter(([name]) => name === 'content-type'),
      });
    }
    last = facts;
    return responseOf(answer, scrubber, (more) => {
      bytes += more;
      if (bytes > maxBytes) {
        failure ??= tooMuch(connection);
        stop();
      }
      check();
    });
  };
  const fetch: FetchLike = async (_, init = {}) => {
    const { method = 'GET', headers, body } = init;
    // Listing needs no stream of its own.
    if (method === 'GET') return new Response(null, { status: 405 });
    return send(new Headers(headers), method, typeof body === 'string' ? body : undefined).catch((error: unknown) => {
      if (error instanceof KeywardError) failure ??= error;
      throw error;
    });
  };
  return { url, fetch, check, last: () => last, failed: () => ({ failure, refusal }) };
}

function isRefusal({ status }: ServiceAnswerFacts): boolean {
  return status === 401 || status === 403;
}

/** The answer as the SDK reads it, scrubbed and counted. */
function responseOf(answer: EgressStream, scrubber: Scrubber, count: (bytes: number) => void): Response {
  const headers = [...answer.headers].filter(([name]) => name === 'content-type' || name === 'mcp-session-id');
  const init = { status: answer.status, headers: headers as [string, string][] };
  const pieces = scrubber.stream(answer.body, answer.headers.get('content-type'));
  async function* counted() {
    for await (const piece of pieces) {
      count(piece.length);
      yield piece;
    }
  }
  const empty = answer.status === 204 || answer.status === 205;
  return new Response(empty ? null : ReadableStream.from(counted()), init);
}

function tooMuch({ connector }: Connection): KeywardError {
  return new KeywardError('egress_too_large', `${connector.name} lists more than Keyward reads.`, {
    hint: 'Use an address of the server that has fewer tools, where it has one.',
  });
}

function noServer({ connector }: Connection, error: unknown): KeywardError {
  const deep = error instanceof TooDeepError || error instanceof RangeError;
  return new KeywardError('provider_garbled', `${connector.name} did not answer as an MCP server does.`, {
    hint: deep ? 'Its answer is nested too deeply.' : 'Check that the address is the one of its MCP endpoint.',
  });
}
