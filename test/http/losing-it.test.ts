/** `keyward http` while its database fails over, takes no writes, or answers nothing at all. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { raw } from '../support/clients/raw-http.ts';
import { type HttpKeyward, startKeywardHttp } from '../support/servers/keyward-http.ts';
import { asAdmin, makeDatabase } from '../support/servers/postgres.ts';
import { type PostgresServer, type Standby, startPostgres } from '../support/servers/postgres-server.ts';

let server: PostgresServer;
let standby: Standby | undefined;
let keyward: HttpKeyward;
let token: string;
beforeEach(async () => {
  server = await startPostgres();
  const { url } = await makeDatabase(server.url);
  keyward = await startKeywardHttp({ KEYWARD_STORE: url, KEYWARD_KEY: randomBytes(32).toString('base64') });
  token = await keyward.sessionToken('ann');
});
afterEach(async () => {
  await keyward.stop();
  await standby?.stop();
  standby = undefined;
  await server.stop();
});

const readiness = async () => JSON.parse((await raw(keyward.origin, '/readyz')).body);
const ready = { status: 'ready' };
const notReady = (code: string) => ({ status: 'not_ready', code });

/** Calls a tool, and answers its result, or the code of what went wrong and the status it came with. */
async function call(name: string, args: Record<string, unknown> = {}): Promise<unknown> {
  const message = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } });
  const { status, body } = await keyward.post(token, message);
  const told = JSON.parse(/^data: (.*)$/m.exec(body)?.[1] ?? body);
  if (told.error) return { status, code: told.error.code };
  return told.result.isError
    ? { code: JSON.parse(told.result.content[0].text).error.code }
    : told.result.structuredContent;
}

const connect = (name: string) =>
  call('create_credential', {
    connectorId: 'openai',
    authenticationType: 'api_key',
    name,
    apiKey: `sk-${'a'.repeat(32)}`,
  });
const names = async () => {
  const { credentials } = (await call('list_credentials')) as { credentials?: { name: string }[] };
  return credentials?.map(({ name }) => name);
};
const created = expect.objectContaining({ credentialId: expect.any(String) });

describe('keyward http', () => {
  it('goes on after a failover: nothing acknowledged is lost, and nothing is started again', async () => {
    standby = await server.follow();
    await expect.poll(() => connect('before')).toEqual(created);
    await server.kill();
    await expect.poll(readiness).toEqual(notReady('store_unavailable'));
    expect(await call('list_credentials')).toEqual({ status: 503, code: 'store_unavailable' });
    // The standby is there, and is none yet that takes writes.
    await standby.takeOver();
    await expect.poll(readiness, { timeout: 5_000 }).toEqual(notReady('storage_readonly'));
    expect(await connect('meanwhile')).toMatchObject({
      code: expect.stringMatching(/^(storage_readonly|audit_unavailable)$/),
    });
    await asAdmin(server.url, 'select pg_promote()');
    await expect.poll(readiness, { timeout: 5_000 }).toEqual(ready);
    expect(await connect('after')).toEqual(created);
    expect(await names()).toEqual(['before', 'after']);
    expect(await keyward.cli('audit', 'verify')).toContain('The audit log is whole');
  });

  it('gives up on a database that hangs, and goes on when it answers again', { timeout: 120_000 }, async () => {
    expect(await connect('before')).toEqual(created);
    const text = `select pid from pg_stat_activity where pid <> pg_backend_pid()
      union select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int`;
    const pids = (await asAdmin(server.url, text)).map(({ pid }) => Number(pid));
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    try {
      // A load balancer waits for seconds at most, and may ask from many places at once.
      const asked = performance.now();
      const probes = await Promise.all(Array.from({ length: 15 }, readiness));
      for (const probe of probes) expect(probe).toEqual(notReady('store_unavailable'));
      // Giving up on a connection takes fifteen seconds, and on getting one five.
      expect(performance.now() - asked).toBeLessThan(4_500);
      expect((await raw(keyward.origin, '/healthz')).status).toBe(200);
      const answers = await Promise.all(Array.from({ length: 15 }, () => call('list_credentials')));
      for (const answer of answers) expect(answer).toEqual({ status: 503, code: 'store_unavailable' });
    } finally {
      for (const pid of pids) process.kill(pid, 'SIGCONT');
    }
    await expect.poll(readiness, { timeout: 10_000 }).toEqual(ready);
    expect(await names()).toEqual(['before']);
    expect((await raw(keyward.origin, '/healthz')).status).toBe(200);
  });
});
