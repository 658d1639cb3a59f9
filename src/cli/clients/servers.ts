/** The servers in a client's file: reading them, and setting or removing one. */
import { isDeepStrictEqual } from 'node:util';
import { KeywardError } from '../../errors.ts';
import type { ClientConfig } from './config-file.ts';
import type { Entry, Spot } from './format.ts';
import { json } from './json-edit.ts';
import { toml } from './toml-edit.ts';

/** One server. Placeholders such as `${env:TOKEN}` are as they stand in the file. */
export type Server = {
  readonly entry: Entry;
  readonly command?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

const formats = { json, toml };

/**
 * The servers by name.
 *
 * @throws KeywardError `invalid_input` for a file that is not what the client reads, with line and column
 */
export async function readServers(config: ClientConfig): Promise<ReadonlyMap<string, Server>> {
  const { key } = config.client;
  const top = await parsed(config, config.text);
  const servers = top[key] ?? {};
  if (!isRecord(servers)) throw unreadable(config, `has no servers under ${JSON.stringify(key)}`);
  return new Map(
    Object.entries(servers).flatMap(([name, entry]) => (isRecord(entry) ? [[name, serverOf(entry)]] : [])),
  );
}

/**
 * The text of the file with this server set, or (null) removed. Everything else keeps every byte.
 *
 * @throws KeywardError `invalid_input` for a file that is not what the client reads, or in which the server is written in
 *   a way that can't be changed by itself
 */
export async function editServer(config: ClientConfig, name: string, entry: Entry | null): Promise<string> {
  const { client, text } = config;
  const before = await parsed(config, text);
  const edited = await formats[client.format].edit(text, client.key, name, entry).catch((error: unknown) => {
    if (error instanceof SyntaxError) throw unreadable(config, error.message);
    throw error;
  });
  const after = await parsed(config, edited).catch(() => null);
  const own = after === null ? undefined : ownOf(after, client.key, name);
  const done = after !== null && sameContent(own, entry ?? undefined);
  if (done && sameContent(without(before, client.key, name), without(after, client.key, name))) return edited;
  throw unreadable(config, `says of ${name} what can't be changed without changing more`);
}

/** What of a text of this file may be a secret, in order. */
export function spotsOf({ client }: ClientConfig, text: string): Promise<readonly Spot[]> {
  return formats[client.format].spots(text);
}

async function parsed(config: ClientConfig, text: string): Promise<Record<string, unknown>> {
  try {
    const top = await formats[config.client.format].parse(text);
    if (isRecord(top)) return top;
  } catch (error) {
    if (error instanceof SyntaxError) throw unreadable(config, error.message);
    throw error;
  }
  throw unreadable(config, 'holds no object');
}

function ownOf(top: Record<string, unknown>, key: string, name: string): unknown {
  const servers = top[key];
  return isRecord(servers) && Object.hasOwn(servers, name) ? servers[name] : undefined;
}

/** The rest of the file. No servers at all are as good as an empty list of them. */
function without(top: Record<string, unknown>, key: string, name: string): unknown {
  const servers = top[key];
  if (servers !== undefined && !isRecord(servers)) return top;
  const { [key]: _, ...rest } = top;
  const { [name]: __, ...others } = servers ?? {};
  return { rest, others };
}

/** Compares tables, whoever made the objects that stand for them, and dates by what they say. */
export function sameContent(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(plain(one), plain(other));
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Date) return { date: value.toISOString() };
  return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)])) : value;
}

function serverOf(entry: Entry): Server {
  // Windsurf and Gemini CLI have names of their own for the address, Codex for the headers.
  const url = [entry.url, entry.serverUrl, entry.httpUrl].find((value) => typeof value === 'string');
  const headers = entry.headers ?? entry.http_headers;
  return {
    entry,
    ...(typeof entry.command === 'string' && { command: entry.command }),
    ...(Array.isArray(entry.args) && { args: entry.args.filter((value) => typeof value === 'string') }),
    ...(isRecord(entry.env) && { env: textsOf(entry.env) }),
    ...(typeof url === 'string' && { url }),
    ...(isRecord(headers) && { headers: textsOf(headers) }),
  };
}

function textsOf(values: Entry): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((pair): pair is [string, string] => typeof pair[1] === 'string'),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function unreadable({ path, client }: ClientConfig, what: string): KeywardError {
  return new KeywardError('invalid_input', `${path} ${what}.`, {
    hint: `Correct the file of ${client.name}, then try again.`,
  });
}
