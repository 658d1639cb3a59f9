/** Who asks Keyward for the database's password. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { openPostgresStore } from '../../../src/store/postgres/postgres-store.ts';
import { freshDatabase, openTestStore, postgresKey } from '../../support/servers/postgres.ts';

/** A program on the port of a database that asks for a password like this; answers the URL, and all that it was sent. */
async function impostor(ask: (socket: Socket) => void) {
  let heard = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => ask(socket));
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `postgres://keyward:canary-4471@127.0.0.1:${port}/keyward`, heard: () => heard };
}

/** PostgreSQL's messages (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
const authentication = (code: number, rest: readonly number[] = []) =>
  Buffer.from(['R'.charCodeAt(0), 0, 0, 0, 8 + rest.length, 0, 0, 0, code, ...rest]);
const ready = Buffer.from(['Z'.charCodeAt(0), 0, 0, 0, 5, 'I'.charCodeAt(0)]);

it.each([
  ['in clear', authentication(3)],
  ['as an MD5', authentication(5, [1, 2, 3, 4])],
  ['not at all', Buffer.concat([authentication(0), ready])],
])('122. a program on the database’s port that asks for the password %s is told nothing', async (_, answer) => {
  const { url, heard } = await impostor((socket) => void socket.write(answer));
  await expect(openPostgresStore({ url, key: postgresKey })).rejects.toMatchObject({ code: 'store_unavailable' });
  // What opens a connection: who wants in, and where.
  expect(heard()).toContain('keyward');
  expect(heard()).not.toMatch(/canary|md5|select|create/i);
});

it('122. a database that proves with SCRAM that it knows the password is used', async () => {
  const store = await openTestStore(await freshDatabase());
  await store.ping();
});
