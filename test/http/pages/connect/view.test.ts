/** Pages as text: what they say, what they escape, and what they never send back. */
import { describe, expect, it } from 'vitest';
import type { ConnectView } from '../../../../src/broker/connect/steps.ts';
import type { JsonSchemaObject } from '../../../../src/broker/input/forms.ts';
import type { Filled } from '../../../../src/http/pages/connect/form.ts';
import type { Surroundings } from '../../../../src/http/pages/connect/page-parts.ts';
import { renderView } from '../../../../src/http/pages/connect/view.ts';

const now = Date.UTC(2026, 10, 21);
const around: Surroundings = {
  host: '127.0.0.1:49321',
  place: 'encrypted in the vault on this computer',
  release: 'approve',
  now,
};
const base = {
  attemptId: '550e8400-e29b-41d4-a716-446655440000',
  connector: { id: 'acme', name: 'Acme', docsUrl: 'https://acme.example/docs' },
  destination: null,
  scopeDescriptions: { 'read:things': 'See your things.' },
  reconnects: null,
  shares: [],
  client: 'Claude Desktop',
  own: false,
  continuedAs: null,
  expiresAt: now + 540_000,
  csrf: 'the-csrf-value',
};
const schema: JsonSchemaObject = {
  type: 'object',
  properties: {
    region: { type: 'string', enum: ['eu', 'us'], default: 'eu', description: 'Data region' },
    shopDomain: { type: 'string', examples: ['my-shop'] },
    apiKey: { type: 'string', title: 'API key', writeOnly: true },
    zone: { type: 'string', enum: ['a', 'b', 'c', 'd', 'e', 'f'] },
  },
  required: ['region', 'apiKey'],
};
const steps: Readonly<Record<ConnectView['step'], ConnectView>> = {
  claim: { ...base, step: 'claim' },
  auth_config: {
    ...base,
    step: 'auth_config',
    clientsAt: 'https://acme.example/apps',
    redirectUri: 'http://127.0.0.1:7355/oauth/callback',
    appSteps: ['Switch on the Things API.', 'Add yourself to the test users.'],
    ownFile: false,
    scopes: ['read:things', 'write:things'],
    secretNeeded: true,
    family: { vendor: 'Acme', examples: ['Acme Mail'], more: 3 },
    others: [],
  },
  inputs: { ...base, step: 'inputs', schema, values: {}, keyUrl: 'https://acme.example/keys' },
  authorize: {
    ...base,
    step: 'authorize',
    authorizationUrl: 'https://acme.example/auth?a=1&b=2',
    scopes: ['read:things'],
    changeableClientId: null,
    borrowed: null,
  },
  hand_over: {
    ...base,
    step: 'hand_over',
    tokenOf: 'honest.example',
    givenTo: 'evil.example',
    choices: [
      { name: 'read', known: true },
      { name: 'mail.send', known: false },
    ],
    scopes: ['read', 'mail.send'],
  },
  device_start: { ...base, step: 'device_start', scopes: ['read:things'] },
  device: {
    ...base,
    step: 'device',
    scopes: ['read'],
    userCode: 'WDJB-MJHT',
    verificationUri: 'https://acme.example/device',
    verificationUriComplete: null,
  },
  working: { ...base, step: 'working' },
  completed: {
    ...base,
    step: 'completed',
    credential: { id: '', name: 'Ann’s Acme', account: null, unconfirmed: null },
    returnTo: null,
  },
  failed: {
    ...base,
    step: 'failed',
    error: { code: 'provider_refused', message: 'Acme refused.' },
    returnTo: null,
    again: false,
  },
  expired: { ...base, step: 'expired', again: false },
};

const render = async (view: ConnectView, filled?: Filled): Promise<string> =>
  `${await renderView(view, around, filled)}`;
const count = (text: string, part: string | RegExp): number => text.split(part).length - 1;

describe('the page before a token goes to somebody else', () => {
  it('88. names both, says what it means, and ticks only what the server of the token knows', async () => {
    const page = await render(steps.hand_over);
    expect(page).toContain('<h1>A token of honest.example will be given to evil.example</h1>');
    expect(page).toMatch(/name="field.scope read" value="yes" checked/);
    expect(page).toMatch(/name="field.scope mail.send" value="yes">/);
    expect(page).toContain('value="honest.example &gt; evil.example"');
    expect(page).toContain('Don’t connect');
  });
});

describe('connect pages', () => {
  it.each(Object.values(steps))('has one heading, a language, a title and the address: $step', async (view) => {
    const page = await render(view);
    expect(count(page, '<h1>')).toBe(1);
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toContain('<link rel="icon" href="data:image/svg+xml,');
    expect(page).toMatch(/<title>[^<]*Acme[^<]* · Keyward<\/title>|<title>This link has expired · Keyward<\/title>/);
    expect(page).toContain('127.0.0.1:49321');
  });

  it.each([steps.auth_config, steps.inputs, steps.authorize, steps.device])(
    'says who asks, where it is stored, what assistants may do and how long it stays open: $step',
    async (view) => {
      const page = await render(view);
      expect(page).toContain('Claude Desktop');
      expect(page).toContain('encrypted in the vault on this computer');
      expect(page).toContain('only if you approve it');
      expect(page).toContain('another 9 minutes');
    },
  );

  it('says so when this Keyward lets assistants read secrets', async () => {
    const page = `${await renderView(steps.inputs, { ...around, release: 'allow' })}`;
    expect(page).toContain('KEYWARD_RELEASE');
  });

  it('shows where to register, the exact redirect URI and the scopes when an OAuth client is missing', async () => {
    const page = await render(steps.auth_config);
    expect(page).toContain('href="https://acme.example/apps"');
    expect(page).toContain('href="https://acme.example/docs"');
    expect(page).toMatch(/readonly[^>]*>http:\/\/127\.0\.0\.1:7355\/oauth\/callback<\/textarea>/);
    expect(page).toContain('See your things. <code>read:things</code>');
    expect(page).toContain('<li><code>write:things</code></li>');
    expect(page).toContain('One app serves Acme, Acme Mail, and 3 more services of Acme: you do this once.');
  });

  it('lists what else a built-in connector knows has to be done with the app, before the scopes', async () => {
    const page = await render(steps.auth_config);
    expect(page).toContain('<li>Switch on the Things API.</li><li>Add yourself to the test users.</li>');
    expect(page.indexOf('test users')).toBeLessThan(page.indexOf('<code>write:things</code>'));
    expect(page).not.toContain('<blockquote>');
  });

  it('sets what a file of somebody’s own says apart from its own words, and says where a secret goes after it', async () => {
    const lie = 'Keyward needs your client secret by mail, too.';
    const page = await render({ ...steps.auth_config, appSteps: [lie], ownFile: true } as ConnectView);
    expect(page).toMatch(
      new RegExp(
        `<li>Whoever wrote this connector’s file adds, in words that Keyward has not checked:\\s*<blockquote><ul><li>${lie}</li></ul></blockquote>\\s*Enter the client secret in the form below and nowhere else.</li>`,
      ),
    );
    expect(count(page, lie)).toBe(1);
  });

  it('asks for no redirect URI where none is used', async () => {
    expect(await render({ ...steps.auth_config, redirectUri: null } as ConnectView)).not.toContain('redirect-uri');
  });

  it('makes radios, selects, text and password fields out of a schema, each with a label', async () => {
    const page = await render(steps.inputs);
    expect(page).toMatch(/<legend>Region<\/legend>/);
    expect(page).toMatch(/type="radio" id="f-region" name="field\.region" value="eu" checked/);
    expect(page).toMatch(/<select id="f-zone"/);
    expect(page).toMatch(/<label for="f-shopDomain">Shop domain <span class="optional">\(optional\)<\/span><\/label>/);
    expect(page).toMatch(/<label for="f-apiKey">API key<\/label>/);
    expect(page).toMatch(/type="password" id="f-apiKey"[^>]* required/);
    for (const [, ids = ''] of page.matchAll(/aria-describedby="([^"]+)"/g)) {
      for (const id of ids.split(' ')) expect(page).toContain(`id="${id}"`);
    }
  });

  it('keeps what was typed except secrets, and ties each problem to its field', async () => {
    const page = await render(steps.inputs, {
      values: { region: 'us', shopDomain: 'my "shop"', apiKey: 'CANARY-typed-secret' },
      problems: { apiKey: 'is missing', region: 'must be one of eu, us', other: 'is unknown here' },
    });
    expect(page).not.toContain('CANARY');
    expect(page).toContain('value="my &quot;shop&quot;"');
    expect(page).toMatch(/value="us" checked/);
    expect(page).toContain('<title>To correct: Connect Acme · Keyward</title>');
    expect(page).toMatch(/role="alert" tabindex="-1" autofocus/);
    expect(page).toContain('<a href="#f-apiKey">API key is missing.</a>');
    expect(page).toMatch(/id="f-apiKey"[^>]*aria-describedby="f-apiKey-error" aria-invalid="true"/);
    expect(page).toMatch(/<p class="error" id="f-apiKey-error">API key is missing\.<\/p>/);
  });

  it('never proposes a value for a secret, whatever the definition says', async () => {
    const secret = { type: 'string', writeOnly: true, default: 'CANARY-default' } as const;
    const view = {
      ...steps.inputs,
      schema: { ...schema, properties: { apiKey: secret } },
      values: { apiKey: 'CANARY' },
    };
    expect(await render(view as ConnectView)).not.toContain('CANARY');
  });

  it('23. escapes every text that comes from a client, a service or a connector file', async () => {
    const bad = `<script>alert(1)</script>"'&`;
    const hostile = { ...base, client: bad, connector: { ...base.connector, name: bad }, csrf: bad };
    const field = { type: 'string', title: bad, description: bad, enum: [bad], examples: [bad], default: bad } as const;
    const views: ConnectView[] = [
      ...[true, false].map(
        (ownFile): ConnectView => ({
          ...hostile,
          step: 'auth_config',
          clientsAt: 'https://acme.example/apps',
          redirectUri: bad,
          appSteps: [bad],
          ownFile,
          scopes: [bad],
          secretNeeded: true,
          family: { vendor: bad, examples: [bad], more: 1 },
          others: [],
        }),
      ),
      {
        ...hostile,
        step: 'inputs',
        keyUrl: `https://acme.example/${bad}`,
        schema: { type: 'object', properties: { a: field }, required: [] },
        values: { a: bad },
      },
      {
        ...hostile,
        step: 'authorize',
        authorizationUrl: `https://acme.example/?q=${bad}`,
        scopes: [bad],
        changeableClientId: bad,
        borrowed: { enteredFor: bad, appUrl: 'https://acme.example/apps', appSteps: [bad] },
      },
      { ...hostile, step: 'device', scopes: [], userCode: bad, verificationUri: bad, verificationUriComplete: bad },
      { ...hostile, step: 'working' },
      {
        ...hostile,
        step: 'completed',
        credential: { id: '', name: bad, account: null, unconfirmed: null },
        returnTo: `https://acme.example/${bad}`,
      },
      {
        ...hostile,
        step: 'failed',
        error: { code: 'provider_refused', message: bad, hint: bad },
        returnTo: null,
        again: true,
      },
      { ...hostile, step: 'expired', again: true },
    ];
    for (const view of views) {
      const page = await render(view, { values: { a: bad }, problems: { a: bad, b: bad } });
      expect(page).not.toContain('<script>alert');
      expect(page).not.toContain(`"'&`);
    }
  });

  it('leads whoever looks for a key to the page about it, and to none where there is none', async () => {
    const page = await render(steps.inputs);
    expect(page).toMatch(/<a href="https:\/\/acme\.example\/keys"[^>]*>Where to find the API key at Acme<\/a>/);
    const silent = await render({ ...steps.inputs, keyUrl: null } as ConnectView);
    expect(silent).not.toContain('Where to find');
    for (const one of [page, silent]) expect(one).not.toContain('https://acme.example/docs');
  });

  it('24. links to http and https only, so that a hostile endpoint opens nothing else', async () => {
    for (const url of ['javascript:alert(1)', 'file:///etc/passwd', 'data:text/html,x', 'vbscript:x', 'not a url']) {
      const views: ConnectView[] = [
        { ...base, step: 'authorize', authorizationUrl: url, scopes: [], changeableClientId: null, borrowed: null },
        { ...base, step: 'device', scopes: [], userCode: 'A', verificationUri: url, verificationUriComplete: url },
        {
          ...base,
          step: 'completed',
          credential: { id: '', name: 'A', account: null, unconfirmed: null },
          returnTo: url,
        },
        { ...base, step: 'inputs', schema, values: {}, keyUrl: url },
      ];
      for (const view of views) {
        const links = (await render(view)).replace(/<link rel="icon" [^>]*>/, '');
        expect(links).not.toContain(`href="${url.slice(0, 5)}`);
      }
    }
  });

  it('leaves for the service by a link, never by a form', async () => {
    const page = await render(steps.authorize);
    expect(page).toContain('href="https://acme.example/auth?a=1&amp;b=2"');
    expect(page).toContain('rel="noopener noreferrer"');
    expect(page).not.toMatch(/<form[^>]* action=/);
  });

  it('reloads by itself without scripts only where nothing is being read or typed', async () => {
    const reloading = await Promise.all(
      Object.values(steps).map(async (view) => [view.step, (await render(view)).includes('http-equiv="refresh"')]),
    );
    expect(reloading.filter(([, reloads]) => reloads).map(([step]) => step)).toEqual(['working']);
  });
});
