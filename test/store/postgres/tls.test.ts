/** A PostgreSQL server that speaks TLS and nothing else, and demands a certificate of its clients. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../../src/store/postgres/database.ts';
import { openPostgresStore } from '../../../src/store/postgres/postgres-store.ts';
import { readTarget } from '../../../src/store/postgres/target.ts';
import { openTestStore, postgresKey } from '../../support/servers/postgres.ts';
import { type PostgresServer, startPostgres } from '../../support/servers/postgres-server.ts';

type Pair = { readonly cert: string; readonly key: string };

async function certificate(name: string, issuer?: Pair, names: readonly string[] = []): Promise<Pair> {
  const altNames = names.map((one) =>
    /^[\d.]+$/.test(one) ? { type: 7 as const, ip: one } : { type: 2 as const, value: one },
  );
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...(issuer && { ca: issuer }),
    extensions: [
      { name: 'basicConstraints', cA: issuer === undefined, critical: true },
      ...(names.length === 0 ? [] : [{ name: 'subjectAltName' as const, altNames }]),
    ],
  });
  return { cert, key };
}

const files = {} as Record<'root' | 'stranger' | 'strangerKey' | 'cert' | 'key', string>;
let folder: string;
/** The certificate of one names 127.0.0.1, that of the other only a name that nobody here has. */
let good: PostgresServer;
let elsewhere: PostgresServer;
let plain: PostgresServer;
beforeAll(async () => {
  const [root, stranger] = await Promise.all([certificate('Root'), certificate('Stranger')]);
  const client = await certificate('postgres', root);
  folder = await mkdtemp(join(tmpdir(), 'keyward-tls-'));
  const contents = {
    root: root.cert,
    stranger: stranger.cert,
    strangerKey: stranger.key,
    cert: client.cert,
    key: client.key,
  };
  for (const [name, content] of Object.entries(contents) as [keyof typeof files, string][]) {
    files[name] = join(folder, `${name}.pem`);
    await writeFile(files[name], content);
  }
  const speaking = async (name: string) => {
    const { cert, key } = await certificate(name, root, [name]);
    const settings = { ssl: 'on', ssl_cert_file: 'cert.pem', ssl_key_file: 'key.pem', ssl_ca_file: 'root.pem' };
    return startPostgres(
      Object.entries(settings).flatMap(([one, value]) => ['-c', `${one}=${value}`]),
      {
        'cert.pem': cert,
        'key.pem': key,
        'root.pem': root.cert,
        'pg_hba.conf': 'hostssl all all all scram-sha-256 clientcert=verify-full\n',
      },
    );
  };
  [good, elsewhere, plain] = await Promise.all([speaking('127.0.0.1'), speaking('db.internal'), startPostgres()]);
});
afterAll(async () => {
  await Promise.all([good, elsewhere, plain].map((one) => one.stop()));
  await rm(folder, { recursive: true });
});

/** The URL with these parameters, where files go by their names here. */
function at({ url }: PostgresServer, mode: string, given: Readonly<Record<string, keyof typeof files>> = {}): string {
  const named = Object.entries(given).map(([parameter, name]) => [parameter, files[name]] as [string, string]);
  return `${url}?${new URLSearchParams([['sslmode', mode], ...named])}`;
}
const client = { sslcert: 'cert', sslkey: 'key' } as const;
const open = (url: string) => openPostgresStore({ url, key: postgresKey });

it('a server that proves itself is served over TLS, and sees the certificate that it demands', async () => {
  const url = at(good, 'verify-full', { sslrootcert: 'root', ...client });
  const store = await openTestStore(url);
  await store.ping();
  const database = openDatabase(await readTarget(url));
  onTestFinished(() => database.close());
  const text = 'select ssl, version, client_dn from pg_stat_ssl where pid = pg_backend_pid()';
  expect(await database.query({ name: 'seen', text })).toEqual([
    { ssl: true, version: 'TLSv1.3', client_dn: '/CN=postgres' },
  ]);
});

it('one that does not is refused before anything is sent: unknown to the root, or under another name', async () => {
  const unproved = { code: 'store_unavailable', message: expect.stringContaining('did not prove') };
  for (const url of [
    at(good, 'verify-full', client),
    at(good, 'verify-full', { sslrootcert: 'stranger', ...client }),
    at(good, 'verify-ca', { sslrootcert: 'stranger', ...client }),
    at(elsewhere, 'verify-full', { sslrootcert: 'root', ...client }),
    at(plain, 'verify-full', { sslrootcert: 'root', ...client }),
  ]) {
    await expect(open(url), url).rejects.toMatchObject(unproved);
  }
  const other = await openTestStore(at(elsewhere, 'verify-ca', { sslrootcert: 'root', ...client }));
  await other.ping();
});

it('a server that wants TLS, or a certificate, takes nobody without', async () => {
  for (const url of [at(good, 'disable'), at(good, 'verify-full', { sslrootcert: 'root' })]) {
    await expect(open(url), url).rejects.toMatchObject({ code: 'store_unavailable' });
  }
  // A certificate that the server does not know, and one whose key is another's.
  for (const own of [
    { sslcert: 'stranger', sslkey: 'strangerKey' },
    { sslcert: 'cert', sslkey: 'strangerKey' },
  ] as const) {
    await expect(open(at(good, 'verify-full', { sslrootcert: 'root', ...own })), own.sslcert).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('did not agree on TLS'),
    });
  }
});
