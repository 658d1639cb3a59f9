/** Prism between a program and Keyward: it holds every request and every answer against one interface's document. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../test/support/clients/mcp-clients.ts';
import type { Tools } from '../fetch-tool.ts';

export const prism = '@stoplight/prism-cli@5.16.0';

/** What is read here of an OpenAPI document. */
export type Document = {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, unknown>> }>>>
  >;
};

export type Request = {
  readonly method?: string;
  readonly path: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
};

export type Answer = {
  readonly status: number;
  readonly body: unknown;
  /** How request or answer break the document; a secret is in none of it. */
  readonly violations: readonly string[];
};

/** One Prism, with one document, before one Keyward. */
export type Between = {
  readonly document: Document;
  ask(request: Request): Promise<Answer>;
};

/** Prism takes some seconds to read a document. */
const startsWithinMs = 60_000;

/**
 * @param folder for the document as Prism reads it
 * @param name of the document
 */
export async function startPrism(
  tools: Tools,
  { folder, name, document, upstream }: { folder: string; name: string; document: Document; upstream: string },
): Promise<Between> {
  const file = join(folder, `${name}.json`);
  await writeFile(file, JSON.stringify(document));
  const port = await freePort();
  const child = tools.start('prism', ['proxy', file, upstream, '--errors', '--port', `${port}`, '-v', 'silent']);
  const origin = `http://127.0.0.1:${port}`;
  const answers = () =>
    fetch(origin).then(
      (response) => response.arrayBuffer().then(() => true),
      () => false,
    );
  const end = performance.now() + startsWithinMs;
  while (!(await answers())) {
    if (child.exitCode === null && performance.now() < end) await delay(50);
    else throw new Error(`Prism did not start with ${name}.`);
  }
  return { document, ask: (request) => ask(origin, request) };
}

async function ask(origin: string, { method = 'GET', path, token, headers = {}, body }: Request): Promise<Answer> {
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = /json/.test(response.headers.get('content-type') ?? '');
  const read: unknown = json ? JSON.parse(text) : undefined;
  return { status: response.status, body: read, violations: violationsOf(response, read) };
}

/** Prism answers itself where something is wrong (RFC 9457), and tells lesser things in a header. */
function violationsOf(response: Response, body: unknown): string[] {
  const noted = response.headers.get('sl-violations');
  if (!response.headers.get('content-type')?.startsWith('application/problem+json')) {
    // Beyond some kilobytes it is cut, and no JSON any more.
    if (noted?.startsWith('[')) return (JSON.parse(noted) as readonly Violation[]).map(said);
    return noted === null ? [] : [noted];
  }
  const { title = 'problem', validation = [] } = body as { title?: string; validation?: readonly Violation[] };
  return [`Prism: ${title}`, ...validation.map(said)];
}

function said({ location = [], message }: Violation): string {
  return `${location.join('.')}: ${message}`;
}

type Violation = { readonly location?: readonly string[]; readonly message: string };
