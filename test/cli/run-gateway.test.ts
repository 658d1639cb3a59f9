/** `keyward run --gateway`: a program uses connections, and has no secret that it could give away. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredential } from '../../src/broker/connect/create.ts';
import type { CreateInput } from '../../src/broker/connect/create-input.ts';
import { localPrincipal } from '../../src/principal.ts';
import { type CommandLine, commandLineWith, ending } from '../support/clients/command-line.ts';
import { type EchoEnv, echoEnv } from '../support/servers/echo-connector.ts';
import { type HttpServer, startHttpServer } from '../support/servers/http-server.ts';

const key = 'sk-canary-model-key-0123456789';

/** Answers of two vendors' interfaces, each with the key in it that it was asked with. */
const answers: Readonly<Record<string, (given: string) => unknown>> = {
  '/v1/chat/completions': (given) => ({
    id: 'c1',
    object: 'chat.completion',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: `Hello with ${given}` } }],
  }),
  '/v1/messages': (given) => ({
    id: 'm1',
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text: `Hello with ${given}` }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 1, output_tokens: 1 },
  }),
};

let service: HttpServer;
let echo: EchoEnv;
let keyward: CommandLine;
const ids: Record<string, string> = {};
beforeAll(async () => {
  service = await startHttpServer(({ url, headers }, response) => {
    const given = headers['x-api-key'] ?? headers.authorization;
    const answer = answers[url]?.(String(given)) ?? { url };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  const connector = (id: string, more: object, inject: object) => ({
    id: `custom.${id}`,
    name: `Model ${id}`,
    categories: ['testing'],
    docsUrl: 'https://model.example/docs',
    appUrl: 'https://model.example/keys',
    api: { baseUrl: service.origin, allowedHosts: [service.host], ...more },
    auth: [{ authenticationType: 'api_key', inject: [inject] }],
  });
  const one = connector(
    'one',
    { baseUrl: `${service.origin}/v1`, sdk: { baseUrl: 'OPENAI_BASE_URL', key: 'OPENAI_API_KEY' } },
    { in: 'header', name: 'authorization', value: 'Bearer {apiKey}' },
  );
  const two = connector(
    'two',
    { sdk: { baseUrl: 'ANTHROPIC_BASE_URL', key: 'ANTHROPIC_API_KEY' } },
    { in: 'header', name: 'x-api-key', value: '{apiKey}' },
  );
  echo = await echoEnv(service.origin, [], [one, two]);
  keyward = await commandLineWith(echo.env);
  await keyward.fill(async (broker) => {
    for (const name of ['one', 'two', 'other']) {
      const connectorId = name === 'other' ? one.id : `custom.${name}`;
      const input = { connectorId, authenticationType: 'api_key', name, apiKey: key } as CreateInput;
      const made = await createCredential(broker, localPrincipal, input, { obtainedBy: 'tool' });
      if (made.kind === 'created') ids[name] = made.credentialId;
    }
  });
});
afterAll(async () => {
  await keyward.remove();
  await echo.remove();
  await service.close();
});

const under = (program: string, ...more: readonly string[]) => [
  'run',
  '--gateway',
  '--env',
  'MODEL=one',
  ...more,
  '--',
  process.execPath,
  '--input-type=module',
  '-e',
  program,
];

describe('keyward run --gateway', () => {
  it('177. lets the clients of vendors work as they are, and the program has no secret of theirs', async () => {
    const program = `
      import { readFileSync } from 'node:fs';
      import Anthropic from '@anthropic-ai/sdk';
      import OpenAI from 'openai';
      const messages = [{ role: 'user', content: 'Hi' }];
      const one = await new OpenAI().chat.completions.create({ model: 'm', messages });
      const two = await new Anthropic().messages.create({ model: 'm', max_tokens: 9, messages });
      const own = ['self', process.ppid].map((pid) => readFileSync('/proc/' + pid + '/environ', 'latin1'));
      const lines = [readFileSync('/proc/' + process.ppid + '/cmdline', 'latin1'), JSON.stringify(process.env), ...own];
      console.log(JSON.stringify([one.choices[0].message.content, two.content[0].text, lines]));
    `;
    const { code, stdout, stderr } = await keyward.run(under(program, '--env', 'OTHER=two'), {
      cwd: new URL('..', import.meta.url).pathname,
      // It is never handed out.
      env: { KEYWARD_RELEASE: 'never' },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [one, two] = JSON.parse(stdout);
    expect([one, two]).toEqual(['Hello with Bearer [redacted]', 'Hello with [redacted]']);
    expect(service.seen.map(({ headers }) => headers['x-api-key'] ?? headers.authorization)).toEqual([
      `Bearer ${key}`,
      key,
    ]);
    // Keyward's token went no further.
    expect(JSON.stringify(service.seen)).not.toContain('kwrun_');
    expect(`${stdout}${await keyward.audit()}`).not.toContain(key);
    expect(await keyward.audit()).toMatch(/keyward run --gateway in [^"]*: /);
    expect(await keyward.audit()).not.toContain('kwrun_');
  });

  it('178. opens nothing but the connections that were named, and only to the token of the program', async () => {
    const program = `
      const { MODEL_BASE_URL: base, MODEL_TOKEN: token, MODEL } = process.env;
      const other = base.replace(/[^/]+$/, process.argv[1]);
      const missing = base.replace(/[^/]+$/, '00000000-0000-4000-8000-000000000000');
      const port = new URL(base).port;
      const ask = async (url, headers) => {
        const answer = await fetch(url, { headers });
        return [answer.status, (await answer.text()).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')];
      };
      const bearer = (text) => ({ authorization: 'Bearer ' + text });
      const { get } = await import('node:http');
      const rebound = await new Promise((resolve) => get(base + '/x', { headers: { ...bearer(token), host: 'evil.example:' + port } }, ({ statusCode }) => resolve(statusCode)));
      console.log(JSON.stringify({
        same: MODEL === token,
        fine: await ask(base + '/x', bearer(token)),
        basic: await ask(base + '/x', { authorization: 'Basic ' + btoa('any:' + token) }),
        header: await ask(base + '/x', { 'x-api-key': token }),
        other: await ask(other + '/x', bearer(token)),
        missing: await ask(missing + '/x', bearer(token)),
        root: (await ask(new URL('/', base), bearer(token)))[0],
        connectors: (await ask(new URL('/connectors', base), bearer(token)))[0],
        without: (await ask(base + '/x'))[0],
        wrong: (await ask(base + '/x', bearer(token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A'))))[0],
        browser: (await ask(base + '/x', { ...bearer(token), origin: 'https://evil.example' }))[0],
        rebound,
      }));
    `;
    const args = [...under(program), ids.other ?? ''];
    const { stdout, stderr } = await keyward.run(args);
    expect(stderr).toBe('');
    const { other, missing, fine, basic, header, ...rest } = JSON.parse(stdout);
    for (const one of [fine, basic, header]) expect(one).toEqual([200, '{"url":"/v1/x"}']);
    expect(other[0]).toBe(404);
    expect(other).toEqual(missing);
    const closed = { root: 404, connectors: 404, without: 401, wrong: 401, browser: 403, rebound: 403 };
    expect(rest).toEqual({ same: true, ...closed });
  });

  it('179. ends with the process: after a kill nobody listens any more', async () => {
    const child = keyward.start(
      under("console.log(process.env.MODEL_BASE_URL + ' ' + process.pid); setInterval(() => {}, 1000)"),
    );
    const [line] = await once(child.stdout ?? child, 'data');
    const [base = '', pid = ''] = String(line).trim().split(' ');
    expect((await fetch(base)).status).toBe(401);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await expect(fetch(base)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    process.kill(Number(pid), 'SIGKILL');
    await ending(child);
  });

  it('refuses what names no connection, and what two connections would fight over', async () => {
    const [none, fight] = await Promise.all([
      keyward.run(['run', '--gateway', '--', 'echo', 'started']),
      keyward.run(['run', '--gateway', '--env', 'A=one', '--env', 'A_BASE_URL=other', '--', 'echo', 'started']),
    ]);
    expect(none.stderr).toMatch(/^No connection is named for the gateway\.\nAdd --env/);
    expect(fight.stderr).toMatch(/^Two connections need the variable A_BASE_URL\./);
    for (const { code, stdout } of [none, fight]) expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });
});
