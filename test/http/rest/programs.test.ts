/** What a program is told where nothing was done: JSON in its interface's own words, at every address that is no page. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raw } from '../../support/clients/raw-http.ts';
import { person } from '../../support/principals.ts';
import { type RestServer, startRest } from '../../support/servers/rest.ts';
import { connectorId, startWorld, type World } from '../../support/world.ts';

let world: World;
let rest: RestServer;
beforeAll(async () => {
  world = await startWorld();
  rest = await startRest(world.env, new Map([['ann', person('acme', 'ann')]]));
});
afterAll(async () => {
  await rest?.close();
  await world?.close();
});

const id = '550e8400-e29b-41d4-a716-446655440000';
const documented = [
  '/connectors',
  `/connectors/${connectorId}/credentials`,
  `/connectors/${connectorId}/credentials/metadata`,
  `/connection/${id}`,
  `/connection/${id}/credentials`,
  `/connection/${id}/shares`,
  '/auth-configs',
  '/audit',
  '/api/credentials',
];

type Sent = { readonly method?: string; readonly headers?: Record<string, string>; readonly as?: string };

/** One request with whatever in it, and its answer, which has to be JSON. */
async function send(path: string, { method = 'GET', headers = {}, as }: Sent = {}) {
  const authorization = as === undefined ? {} : { authorization: `Bearer ${rest.token(as)}` };
  const answer = await raw(rest.origin, path, { method, headers: { ...authorization, ...headers } });
  expect(String(answer.headers['content-type']), `${method} ${path}`).toMatch(/^application\/json/);
  return { ...answer, content: method === 'HEAD' ? null : (JSON.parse(answer.body) as unknown) };
}

/** The documented body of an error at this path. */
function bodyAt(path: string, code: number): unknown {
  const fishnet = /^\/*api\b/.test(path);
  return { error: fishnet ? expect.any(String) : { code, message: expect.any(String) } };
}

describe('a documented path', () => {
  it('answers a foreign Origin or Host in its own words, whatever the method, signed in or not', async () => {
    const foreign = [{ origin: 'https://evil.test' }, { origin: 'null' }, { host: 'evil.test' }];
    for (const path of documented) {
      for (const method of ['GET', 'POST', 'PUT', 'OPTIONS']) {
        for (const headers of foreign) {
          const { status, content } = await send(path, { method, headers, as: 'ann' });
          expect([status, content], `${method} ${path}`).toEqual([403, bodyAt(path, 403)]);
        }
      }
    }
  });

  it('is JSON for a program that would take a page, too', async () => {
    const headers = { accept: 'text/html,*/*', origin: 'https://evil.test' };
    for (const path of documented) expect((await send(path, { headers })).content).toEqual(bodyAt(path, 403));
  });

  it('answers OPTIONS, and every other method that it does not take, with 405 and those that it takes', async () => {
    for (const path of documented) {
      const taken = String((await send(path, { method: 'OPTIONS' })).headers.allow);
      expect(taken).toMatch(/^(GET, HEAD|PUT)\b/);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
        if (taken.split(', ').includes(method)) continue;
        const { status, content, headers } = await send(path, { method, as: 'ann' });
        expect([status, content, headers.allow], `${method} ${path}`).toEqual([405, bodyAt(path, 405), taken]);
      }
    }
  });

  it('is found as it is written: what only looks like it is 404 in the same words', async () => {
    const others = [
      '//api/credentials',
      '/api//credentials',
      '/api/credentials/',
      '/api',
      '/connectors/../credentials',
    ];
    for (const path of [...others, '/connection//credentials', '/connection', '/audit/x', '/api/credentials%00']) {
      const { status, content } = await send(path, { as: 'ann' });
      expect([status, content], path).toEqual([404, bodyAt(path, 404)]);
    }
  });

  it('never answers a page, whatever a program asks for below it', async () => {
    const first = fc.constantFrom('connectors', 'connection', 'auth-configs', 'audit', 'api', '/api', 'connectors/..');
    const part = fc.constantFrom('..', '.', '', 'credentials', 'metadata', 'x', '%2e%2e', '%00', '%zz', ';', '%2f');
    const method = fc.constantFrom('GET', 'HEAD', 'POST', 'OPTIONS', 'PROPFIND');
    await fc.assert(
      fc.asyncProperty(first, fc.array(part, { maxLength: 4 }), method, async (begin, rest, how) => {
        // The parsed address may be the front page, or another page that a program may open as well.
        const path = `/${[begin, ...rest].join('/')}`;
        if (new URL(path, 'http://x.example').pathname.replace(/\/+/g, '/') === '/') return;
        if (path.startsWith('//..') || /^\/+$/.test(path)) return;
        await send(path, { method: how });
      }),
      { numRuns: 200 },
    );
  });
});

describe('any other address', () => {
  it('answers JSON to a program, and a page to a browser', async () => {
    for (const path of ['/.well-known/webfinger', '/.well-known', '/credentials']) {
      const { status, content } = await send(path);
      expect([status, content]).toEqual([404, { error: expect.objectContaining({ code: 'not_found' }) }]);
      const browser = await raw(rest.origin, path, {
        headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' },
      });
      expect([browser.status, browser.headers['content-type']]).toEqual([404, 'text/html; charset=UTF-8']);
    }
    for (const path of ['/openapi.json', '/healthz', '/metrics', '/mcp']) {
      const { status, content } = await send(path, { method: 'PUT', headers: { origin: 'https://evil.test' } });
      expect([status, content]).toEqual([403, { error: expect.objectContaining({ code: 'forbidden' }) }]);
    }
    expect((await send('/openapi.json', { method: 'DELETE' })).headers.allow).toBe('GET, HEAD');
  });

  it('stays a page where a person reads it, whatever is asked for', async () => {
    for (const path of ['/', '/connect/x', '/approvals', '/oauth/callback', '/sign-in']) {
      const answer = await raw(rest.origin, path, { headers: { origin: 'https://evil.test', accept: '*/*' } });
      expect([answer.status, answer.headers['content-type']], path).toEqual([403, 'text/html; charset=UTF-8']);
    }
  });
});
