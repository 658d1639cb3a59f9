/** Starting where that does not work, and being told to stop in the middle of something. The built program. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { keywardMain } from '../../support/clients/mcp-clients.ts';
import { startKeywardHttp } from '../../support/servers/keyward-http.ts';

const toolCall = (name: string, args: unknown) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } });

it('told to stop, Keyward answers what is under way, takes nothing new, and exits with 0', async () => {
  const keyward = await startKeywardHttp();
  const token = await keyward.sessionToken('ann');
  const client = await keyward.client('modern', token);
  const openai = { connectorId: 'openai', authenticationType: 'api_key' };
  const { attemptId } = await client.get('create_credential', openai);
  await client.close();
  const slow = request(`${keyward.origin}/mcp`, {
    method: 'POST',
    agent: new Agent({ keepAlive: true }),
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      expect: '100-continue',
    },
  });
  slow.flushHeaders();
  // Now it is under way.
  await once(slow, 'continue');
  const stopped = keyward.stop();
  await expect.poll(() => keyward.post(token, '{}').catch(({ code }) => code)).toBe('ECONNREFUSED');
  slow.end(toolCall('check_attempt', { attemptId, waitSeconds: 2 }));
  const [answer] = (await once(slow, 'response')) as [IncomingMessage];
  expect(answer.headers.connection).toBe('close');
  expect(await text(answer)).toContain('pending');
  expect(await stopped).toBe(0);
});

it('told to stop, Keyward answers what comes on connections that are there, and ends them with that', async () => {
  const keyward = await startKeywardHttp();
  const { host, hostname, port } = new URL(keyward.origin);
  const socket = connect(Number(port), hostname);
  const closed = once(socket, 'close');
  let heard = '';
  const ask = () => void socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  ask();
  await once(socket, 'data');
  socket.on('data', (data) => {
    heard += data;
  });
  const stopped = keyward.stop();
  await expect.poll(() => keyward.post(null, '{}').catch(({ code }) => code), { interval: 5 }).toBe('ECONNREFUSED');
  // A client does not know yet, and Node would cut what it sends now.
  ask();
  await closed;
  expect(heard).toContain('HTTP/1.1 200 OK');
  expect(heard).toMatch(/^Connection: close/im);
  expect(await stopped).toBe(0);
});

it('an address that this computer does not have is named as the problem', async () => {
  const keyward = await startKeywardHttp();
  await keyward.sessionToken('ann');
  // TEST-NET-1 (RFC 5737): nobody has it.
  const env = { ...keyward.env, KEYWARD_HOST: '192.0.2.1', KEYWARD_PUBLIC_URL: 'https://keyward.example' };
  const start = promisify(execFile)(process.execPath, [keywardMain, 'http'], { env });
  await expect(start).rejects.toMatchObject({ code: 2, stderr: expect.stringMatching(/KEYWARD_HOST .*this computer/) });
  await keyward.stop();
});
