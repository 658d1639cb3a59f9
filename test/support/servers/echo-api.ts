/** An API that gives back what it was sent, in whatever form and portions a test asks for: the worst case of a service. */
import type { ServerResponse } from 'node:http';
import { deflateSync, gzipSync } from 'node:zlib';
import { type HttpServer, type Seen, startHttpServer } from './http-server.ts';

/** Ways in which a service could write a secret into an answer. */
export const echoForms: Readonly<Record<string, (secret: string) => string | Buffer>> = {
  raw: (secret) => secret,
  json: (secret) => JSON.stringify({ secret }),
  'json in json': (secret) => JSON.stringify({ inner: JSON.stringify({ secret }) }),
  'json with escaped slashes': (secret) => JSON.stringify({ secret }).replaceAll('/', '\\/'),
  'json in escapes': (secret) => `{"secret":"${inEscapes(secret)}"}`,
  'json in some escapes': (secret) =>
    `{"secret":"${inEscapes(secret.slice(0, 3))}${JSON.stringify(secret.slice(3)).slice(1, -1)}"}`,
  url: (secret) => `https://a.example/?key=${encodeURIComponent(secret)}&b=1`,
  'url in lower case': (secret) => encodeURIComponent(secret).replace(/%../g, (one) => one.toLowerCase()),
  'url, every byte': everyByte,
  'url, twice': (secret) => encodeURIComponent(encodeURIComponent(secret)),
  form: (secret) => new URLSearchParams({ secret }).toString(),
  'json as some libraries escape it': (secret) => `{"secret":"${specialsInEscapes(secret)}"}`,
  'url in some bytes': (secret) => secret.replace(/^..|[^\w]/g, everyByte),
  'url in some bytes, twice': (secret) => secret.replace(/^..|[^\w]/g, (one) => encodeURIComponent(everyByte(one))),
  'url in a path': (secret) => encodeURIComponent(secret).replaceAll('%2F', '/'),
  html: (secret) => `<p>${secret.replace(/[<>&"']/g, (one) => `&#${one.charCodeAt(0)};`)}</p>`,
  'html by names': (secret) => byNames(secret),
  'html, every character': (secret) => Array.from(secret, (one) => `&#${one.codePointAt(0)};`).join(''),
  'html in hex, some characters': (secret) =>
    secret.replace(/[^a-m]/gu, (one) => `&#x${one.codePointAt(0)?.toString(16)};`),
  base64: (secret) => Buffer.from(secret).toString('base64'),
  'base64 after one byte': (secret) => Buffer.from(`x${secret}y`).toString('base64'),
  'base64 after two bytes': (secret) => Buffer.from(`xx${secret}yy`).toString('base64'),
  'base64 of user and password': (secret) => Buffer.from(`user:${secret}`).toString('base64'),
  base64url: (secret) => Buffer.from(secret).toString('base64url'),
  'base64url after two bytes': (secret) => Buffer.from(`xx${secret}yy`).toString('base64url'),
  hex: (secret) => Buffer.from(secret).toString('hex'),
  'hex in capitals': (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
  capitals: (secret) => secret.replace(/[a-z]/g, (letter) => letter.toUpperCase()),
  'base64, escaped for JSON': (secret) =>
    Buffer.from(`x${secret}`).toString('base64').replaceAll('/', '\\/').replaceAll('+', '\\u002b'),
  'utf-16': (secret) => Buffer.from(secret, 'utf16le'),
  'utf-16be': (secret) => Buffer.from(secret, 'utf16le').swap16(),
};

/** As .NET and Gson do it: what means something in HTML or URLs. */
function specialsInEscapes(text: string): string {
  return text.replace(/[^\w. -]/g, inEscapes);
}

function everyByte(text: string): string {
  return Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
}

function byNames(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[<>&"']/g, (one) => names[one] ?? '');
}

function inEscapes(text: string): string {
  return Array.from(text, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
}

/** What a request was authenticated with: the key, the token, or the password of Basic. */
function credentialOf({ headers, url }: Seen): string {
  const [, scheme = '', value = ''] = /^(\w+) (.*)$/.exec(headers.authorization ?? '') ?? [];
  if (scheme === 'Basic')
    return Buffer.from(value, 'base64')
      .toString()
      .replace(/^[^:]*:/, '');
  const inQuery = new URL(url, 'http://echo').searchParams.get('api_key');
  return (headers['x-api-key'] as string | undefined) ?? inQuery ?? value;
}

export type EchoApi = HttpServer & {
  /** Access tokens that are refused; the token endpoint gives out others. */
  readonly revoked: Set<string>;
  /** How it refuses them; default: status 401. */
  refusal: { readonly status: number; readonly challenge?: string };
};

/**
 * `/v1/echo?as=<form>&portion=<bytes>&gzip=1` answers the credential. `/v1/<status>?to=` answers that status and location,
 * `/v1/says?<name>=<value>` those headers.
 * `/token` gives out access tokens.
 */
export async function startEchoApi(port = 0): Promise<EchoApi> {
  const revoked = new Set<string>();
  const refusing: Pick<EchoApi, 'revoked' | 'refusal'> = { revoked, refusal: { status: 401 } };
  let issued = 0;
  const server = await startHttpServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://echo');
    const secret = credentialOf(request);
    const [, , kind = ''] = pathname.split('/');
    if (pathname === '/token') {
      issued += 1;
      const tokens = { access_token: `renewed-access-token-${issued}`, token_type: 'Bearer', expires_in: 3600 };
      json(response, { ...tokens, refresh_token: `renewed-refresh-token-${issued}` });
    } else if (revoked.has(secret)) {
      const { status, challenge } = refusing.refusal;
      if (challenge !== undefined) response.setHeader('www-authenticate', challenge);
      json(response, { error: 'invalid_token', token: secret }, status);
    } else if (kind === 'whoami') json(response, { account: `account of ${secret}` });
    else if (kind === 'echo') await echo(response, secret, searchParams);
    else if (/^\d{3}$/.test(kind)) {
      const location = searchParams.get('to');
      response
        .writeHead(Number(kind), { ...(location && { location }), 'retry-after': '7' })
        .end(`failed for ${secret}`);
    } else if (kind === 'headers') {
      response.setHeader('set-cookie', 'session=abc').setHeader('connection', 'close, x-hop').setHeader('x-hop', '1');
      response.setHeader('x-your-key', secret).setHeader('x-kept', 'yes');
      json(response, { headers: request.headers });
    } else if (kind === 'says') {
      for (const [name, value] of searchParams) response.setHeader(name, value);
      response.end();
    } else if (kind === 'around') {
      // Everything that an answer has besides headers and body.
      response.writeEarlyHints({ link: `</${encodeURIComponent(secret)}>; rel=preload` });
      response.writeHead(200, secret, { 'content-type': 'text/plain', trailer: 'x-after' });
      response.write('around');
      response.addTrailers({ 'x-after': secret });
      response.end();
    } else if (kind === 'away') {
      const location = `${searchParams.get('to')}?key=${encodeURIComponent(secret)}`;
      response.writeHead(302, { location, refresh: `0; url=${location}`, link: `<${location}>; rel=next` }).end();
    } else if (kind === 'parts') {
      const part = (type: string, body: string) => `--b\r\ncontent-type: ${type}\r\n\r\n${body}\r\n`;
      const encoded = Buffer.from(secret).toString('base64');
      response.writeHead(200, { 'content-type': 'multipart/mixed; boundary=b' });
      response.end(`${part('text/plain', secret)}${part('application/octet-stream', encoded)}--b--\r\n`);
    } else if (kind === 'states') {
      response.writeHead(200, { 'content-type': 'text/plain; charset=iso-2022-jp' });
      // Back to ASCII before every character, where it was already.
      response.end(secret.replace(/[\x20-\x7e]/g, '\x1b(B$&'));
    } else if (kind === 'names') {
      const text = JSON.stringify(secret);
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(`{${text}:1,"a":${text},"a":2,"__proto__":{"isAdmin":${text}}}`);
    } else if (kind === 'binary') {
      response.writeHead(200, { 'content-type': 'image/png' });
      response.end(Buffer.concat([Buffer.from([0x89, 0x50, 0, 0xff]), Buffer.from(secret), Buffer.from([0, 1])]));
    } else if (kind === 'long') {
      const text =
        'x'.repeat(Number(searchParams.get('before'))) + secret + 'y'.repeat(Number(searchParams.get('after')));
      response.writeHead(200, { 'content-type': 'text/plain' }).end(text);
    } else if (kind === 'endless') endless(response);
    else json(response, { method: request.method, url: request.url, body: request.body });
  }, port);
  return Object.assign(refusing, server);
}

function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function echo(response: ServerResponse, secret: string, wish: URLSearchParams): Promise<void> {
  const form = wish.get('as') ?? 'raw';
  let body = Buffer.from(echoForms[form]?.(secret) ?? '');
  const type =
    wish.get('type') ??
    (form.startsWith('json')
      ? 'application/json'
      : form.startsWith('utf-16')
        ? `text/plain; charset=${form === 'utf-16' ? 'utf-16le' : form}`
        : 'text/plain');
  const encoding = wish.get('encoding');
  if (encoding === 'gzip') body = gzipSync(body);
  if (encoding === 'deflate') body = deflateSync(body);
  response.writeHead(Number(wish.get('status') ?? 200), {
    'content-type': type,
    ...(encoding && { 'content-encoding': encoding }),
  });
  const portion = Number(wish.get('portion') ?? body.length);
  for (let at = 0; at < body.length; at += portion) {
    await new Promise<void>((resolve) => response.write(body.subarray(at, at + portion), () => resolve()));
  }
  response.end();
}

function endless(response: ServerResponse): void {
  if (!response.destroyed) response.write(Buffer.alloc(65_536, ' '), () => setImmediate(endless, response));
}
