/** A token endpoint, or any endpoint, that answers whatever a test wants: odd, wrong, late, or never. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { type HttpServer, startHttpServer } from './http-server.ts';

export type OddAnswer = {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
  /**
   * `silent`: no answer at all. `reset`: the connection is closed instead. `drip`: a byte every 20 ms, forever.
   * `endless`: as much as fits, forever. `cut`: closed in the middle of the body.
   */
  readonly fault?: 'silent' | 'reset' | 'drip' | 'endless' | 'cut';
};

export type OddServer = HttpServer & {
  /** The answers to the next requests, in order; then `answer`. */
  next: OddAnswer[];
  /** The answer to everything else. */
  answer: OddAnswer;
  /** Answers of single paths, before all others; `POST /path` stands for that method alone. */
  readonly paths: Map<string, OddAnswer | ((body: string, headers: IncomingHttpHeaders) => OddAnswer)>;
};

export async function startOddServer(answer: OddAnswer = {}): Promise<OddServer> {
  const odd = { next: [] as OddAnswer[], answer, paths: new Map() as OddServer['paths'] };
  const server = await startHttpServer(({ method, url, body, headers }, response) => {
    const path = url.split('?')[0] ?? '';
    const known = odd.paths.get(`${method} ${path}`) ?? odd.paths.get(path) ?? odd.next.shift() ?? odd.answer;
    give(response, typeof known === 'function' ? known(body, headers) : known);
  });
  return Object.assign(odd, server);
}

/** An MCP server without tools for whoever brings a token, and this answer for everybody else. */
export function guarded(challenge: OddAnswer): (body: string, headers: IncomingHttpHeaders) => OddAnswer {
  return (body, { authorization }) => (authorization === undefined ? challenge : emptyServer(body));
}

function emptyServer(body: string): OddAnswer {
  const { id, method } = (body === '' ? {} : JSON.parse(body)) as { id?: unknown; method?: string };
  if (id === undefined) return { status: method === undefined ? 405 : 202 };
  const serverInfo = { name: 'empty', version: '1' };
  const result =
    method === 'initialize'
      ? { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo }
      : method === 'tools/list'
        ? { tools: [] }
        : undefined;
  const answer = result === undefined ? { error: { code: -32_601, message: 'Unknown.' } } : { result };
  return { body: { jsonrpc: '2.0', id, ...answer } };
}

function give(response: ServerResponse, { status = 200, headers = {}, body = '', fault }: OddAnswer): void {
  if (fault === 'silent') return;
  if (fault === 'reset') {
    response.destroy();
    return;
  }
  const isText = typeof body === 'string';
  response.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json', ...headers });
  if (fault === 'drip') keepWriting(response, Buffer.from(' '), 20);
  else if (fault === 'endless') keepWriting(response, Buffer.alloc(65_536, ' '), 0);
  else if (fault === 'cut') response.write('{"access_token":', () => response.destroy());
  else response.end(isText ? body : JSON.stringify(body));
}

function keepWriting(response: ServerResponse, chunk: Buffer, pauseMs: number): void {
  if (response.destroyed) return;
  response.write(chunk, () => setTimeout(keepWriting, pauseMs, response, chunk, pauseMs));
}
