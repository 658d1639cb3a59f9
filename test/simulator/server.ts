/**
 * Hostile OAuth servers on one port: `/<profile>/authorize`, `/token`, `/revoke`, `/api/…`, and metadata (RFC 8414) at
 * `/.well-known/oauth-authorization-server/<profile>`; `/` says what there is. Whatever follows the name of an endpoint is noted and ignored.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { api, revoke } from './api.ts';
import { authorize, type Place } from './authorize.ts';
import { send } from './faults.ts';
import { guide } from './guide.ts';
import { metadata } from './metadata.ts';
import type { Addresses, Endpoint, Fault, Profile } from './profile.ts';
import type { Answer, Request } from './request.ts';
import { shape } from './shape.ts';
import { emptyState, type State } from './state.ts';
import { token } from './token.ts';

/** A request that was answered. */
export type Seen = {
  readonly profile: string;
  readonly endpoint: string;
  readonly rest: string;
  readonly status: number;
};

export type Simulator = {
  readonly origin: string;
  readonly state: State;
  readonly seen: readonly Seen[];
  close(): Promise<void>;
};

export async function startSimulator(profiles: Readonly<Record<string, Profile>>, port = 0): Promise<Simulator> {
  const state = emptyState();
  const seen: Seen[] = [];
  const met = new Map<string, number>();

  /** The fault that is due, counting those that happen only so often. */
  const faultOf = ({ name, profile }: Place, endpoint: Endpoint): Fault | null => {
    const fault = profile.faults[endpoint];
    const count = met.get(`${name}/${endpoint}`) ?? 0;
    met.set(`${name}/${endpoint}`, count + 1);
    return fault === undefined || count >= (fault.times ?? Number.POSITIVE_INFINITY) ? null : fault;
  };

  const server = createServer(async (incoming, response) => {
    const url = new URL(incoming.url ?? '/', origin);
    if (url.pathname === '/') return send(response, { status: 200, body: guide(origin, profiles) }, null);
    const { name, endpoint, rest } = parts(url.pathname);
    const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
    if (profile === undefined) {
      return send(response, { status: 404, body: { error: 'no_such_profile', profiles: Object.keys(profiles) } }, null);
    }
    const place: Place = { name, profile, origin };
    const request: Request = {
      method: incoming.method ?? 'GET',
      rest,
      query: url.searchParams,
      search: url.search,
      headers: incoming.headers,
      body: await bodyOf(incoming),
    };
    const { answer, fault } = respond(state, place, endpoint, request);
    seen.push({ profile: name, endpoint, rest, status: answer.status });
    response.setHeader('date', new Date(Date.now() + profile.clockAheadMs).toUTCString());
    return send(response, answer, fault === null ? null : faultOf(place, fault));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { origin, state, seen, close };
}

/** The answer, and which fault may spoil it. */
function respond(
  state: State,
  place: Place,
  endpoint: string,
  request: Request,
): { answer: Answer; fault: Endpoint | null } {
  const refreshes = endpoint === 'token' && /\brefresh_token\b/.test(request.body);
  if (isElsewhere(place.profile.at, endpoint, request, refreshes)) {
    return { answer: { status: 404, body: { error: 'no_such_address' } }, fault: null };
  }
  switch (endpoint) {
    case 'authorize':
      return { answer: authorize(state, place, request), fault: null };
    case 'token': {
      const answer = shape(token(state, place, request), place, refreshes);
      return { answer, fault: refreshes ? 'refresh' : 'token' };
    }
    case 'revoke':
      return { answer: revoke(state, place, request), fault: 'revoke' };
    case 'api':
      return { answer: api(state, place, request), fault: 'api' };
    case 'metadata':
      return { answer: { status: 200, body: metadata(place) }, fault: 'discovery' };
    default:
      return { answer: { status: 404, body: { error: 'no_such_endpoint' } }, fault: null };
  }
}

function isElsewhere(at: Addresses | null, endpoint: string, request: Request, refreshes: boolean): boolean {
  if (at === null) return false;
  const { method, rest, search } = request;
  switch (endpoint) {
    case 'authorize':
      return rest !== at.authorize;
    case 'token':
      return rest !== (refreshes ? (at.refresh ?? at.token) : at.token);
    case 'revoke':
      return rest !== at.revoke;
    case 'api':
      return `${method} ${rest}${search}` !== at.api;
    default:
      return false;
  }
}

const wellKnown = /^\/\.well-known\/(?:oauth-authorization-server|openid-configuration)\/([^/]+)$/;

function parts(path: string): { name: string; endpoint: string; rest: string } {
  const published = wellKnown.exec(path)?.[1];
  if (published !== undefined) return { name: published, endpoint: 'metadata', rest: '' };
  const [, name = '', endpoint = '', ...rest] = path.split('/');
  return { name, endpoint, rest: rest.join('/') };
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
