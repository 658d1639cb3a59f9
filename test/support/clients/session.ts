/** A Keyward of this process with its pages on loopback, and a browser of few words to open them with. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Broker } from '../../../src/broker/broker.ts';
import { createCredential } from '../../../src/broker/connect/create.ts';
import type { CreateInput } from '../../../src/broker/connect/create-input.ts';
import { openKeyward } from '../../../src/cli/keyward.ts';
import { readConfig } from '../../../src/config/config.ts';
import type { Facts, Log } from '../../../src/log.ts';
import { localPrincipal } from '../../../src/principal.ts';
import { freePort } from './mcp-clients.ts';

export type Session = {
  readonly broker: Broker;
  readonly home: string;
  /** The outer key of its vault. */
  readonly key: string;
  readonly port: number;
  /** Everything that was logged, as text. */
  readonly logged: () => string;
  /** Starts connecting, and answers the attempt's id and the address of its page. */
  connect(input: CreateInput): Promise<{ attemptId: string; url: string }>;
  close(): Promise<void>;
};

const key = randomBytes(32).toString('base64');

export async function startSession(env: Readonly<Record<string, string>>): Promise<Session> {
  const home = env.KEYWARD_HOME ?? (await mkdtemp(join(tmpdir(), 'keyward-pages-')));
  const port = Number(env.KEYWARD_PORT ?? (await freePort()));
  const settings = { KEYWARD_KEY: key, KEYWARD_HOME: home, KEYWARD_PORT: `${port}`, ...env };
  const lines: string[] = [];
  const keyward = await openKeyward(readConfig(new Map(), settings), logTo(lines));
  const principal = { ...localPrincipal, client: 'Test Client' };
  return {
    broker: keyward.broker,
    home,
    key,
    port,
    logged: () => lines.join('\n'),
    async connect(input) {
      const created = await createCredential(keyward.broker, principal, input, { obtainedBy: 'tool' });
      if (created.kind !== 'attempt') throw new Error('Nothing was left to ask.');
      return created;
    },
    async close() {
      await keyward.close();
      if (env.KEYWARD_HOME === undefined) await rm(home, { recursive: true, force: true });
    },
  };
}

/** These options without an OAuth client for the test connector. */
export function withoutClient(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('KEYWARD_AUTH_')));
}

function logTo(lines: string[]): Log {
  const write = (event: string, facts: Facts = {}) => void lines.push(JSON.stringify({ event, ...facts }));
  return { info: write, warn: write, error: write };
}

export type Shown = {
  readonly status: number;
  readonly url: URL;
  readonly headers: Headers;
  readonly text: string;
  /** What is in the `<h1>`. */
  readonly heading: string;
};

export type Browser = {
  /** Cookies by name; like a real browser's, they ignore ports. */
  readonly cookies: Map<string, string>;
  /** Opens an address and follows redirects; `hops` limits how many. */
  open(url: string | URL, hops?: number): Promise<Shown>;
  /** Fills in the form of this action on a page that was shown, and follows what comes back. */
  submit(shown: Shown, action: string, fields?: Readonly<Record<string, string>>): Promise<Shown>;
  /** Posts a form from a page of the same origin, and follows what comes back. */
  send(url: string | URL, fields: Readonly<Record<string, string>>): Promise<Shown>;
};

/** @param more headers of each request, such as whose a proxy says it is */
export function createBrowser(more: () => Readonly<Record<string, string>> = () => ({})): Browser {
  const cookies = new Map<string, string>();
  const load = async (url: URL, hops: number, init: RequestInit = {}): Promise<Shown> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { ...more(), ...init.headers, ...(cookie === '' ? {} : { cookie }) };
    const response = await fetch(url, { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const text = await response.text();
    const location = response.headers.get('location');
    if (location !== null && hops > 0) return load(new URL(location, url), hops - 1);
    const heading = /<h1>([^<]*)<\/h1>/.exec(text)?.[1] ?? '';
    return { status: response.status, url, headers: response.headers, text, heading };
  };
  const send: Browser['send'] = (url, fields) => {
    const { origin } = new URL(url);
    return load(new URL(url), 5, { method: 'POST', body: new URLSearchParams(fields), headers: { origin } });
  };
  return {
    cookies,
    open: (url, hops = 5) => load(new URL(url), hops),
    send,
    submit(shown, action, fields = {}) {
      const form = shown.text.split('<form ').find((part) => part.includes(`name="action" value="${action}"`)) ?? '';
      const csrf = /name="csrf" value="([^"]*)"/.exec(form)?.[1] ?? '';
      const named = Object.entries(fields).map(([name, value]) => [`field.${name}`, value]);
      return send(shown.url, { csrf, action, ...Object.fromEntries(named) });
    },
  };
}

/** Where the page's button leads: the service's authorization endpoint. */
export function linkOut(shown: Shown): string {
  const [, href = ''] = /<a href="([^"]*)" class="button"/.exec(shown.text) ?? [];
  return href.replaceAll('&amp;', '&');
}
