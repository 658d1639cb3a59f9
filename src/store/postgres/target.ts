/**
 * Where PostgreSQL is and how Keyward talks to it, from `postgres://user:password@host:port/database?…`. Parameters:
 * `sslmode`, `sslrootcert`, `sslcert`, `sslkey` as libpq has them, `host` for a socket's folder, and `pool_size`.
 *
 * The connection is encrypted and the server proved (`verify-full`) unless it is on this computer. libpq's `prefer` and
 * `require` look like that and prove nothing, so they are refused; who wants no TLS has to write `sslmode=disable`.
 */
import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import type { PoolConfig } from 'pg';
import { KeywardError } from '../../errors.ts';
import { isLoopback } from '../../hosts.ts';

const known = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'host', 'pool_size'];
const modes = ['disable', 'verify-ca', 'verify-full'];
const usualPool = 10;
const largestPool = 200;

export type Target = {
  readonly config: PoolConfig;
  /** The URL without its password, for a person. */
  readonly location: string;
};

/** Reads the URL. `config_invalid` with every problem, never repeating the URL. */
export async function readTarget(url: string): Promise<Target> {
  const parsed = new URL(url);
  const given = parsed.searchParams;
  const problems = [...given.keys()].filter((name) => !known.includes(name)).map((name) => `has no parameter ${name}`);
  const host = given.get('host') ?? decodeURIComponent(parsed.hostname.replace(/^\[(.*)\]$/, '$1'));
  const mode = given.get('sslmode') ?? (isLocal(host) ? 'disable' : 'verify-full');
  const size = Number(given.get('pool_size') ?? usualPool);
  const database = decodeURIComponent(parsed.pathname.slice(1));
  if (!modes.includes(mode)) problems.push(`has an sslmode that proves nothing; there are ${modes.join(', ')}`);
  if (!Number.isInteger(size) || size < 1 || size > largestPool)
    problems.push(`needs a pool_size of 1 to ${largestPool}`);
  if (host === '') problems.push('names no host');
  if (database === '') problems.push('names no database');
  if (problems.length > 0) {
    throw new KeywardError('config_invalid', `The PostgreSQL URL ${problems.join(', and ')}.`, {
      hint: 'It looks like postgres://user@host:5432/database?sslmode=verify-full',
    });
  }
  const password = decodeURIComponent(parsed.password);
  return {
    location: `postgres://${parsed.username === '' ? '' : `${parsed.username}@`}${parsed.host}${parsed.pathname}`,
    config: {
      host,
      database,
      ...(parsed.port !== '' && { port: Number(parsed.port) }),
      ...(parsed.username !== '' && { user: decodeURIComponent(parsed.username) }),
      // Without one the driver looks where psql does: PGPASSWORD and ~/.pgpass.
      ...(password !== '' && { password }),
      ssl: mode === 'disable' ? false : await tls(given, mode),
      max: size,
    },
  };
}

/** True for this computer: a socket's folder, or a loopback address. */
function isLocal(host: string): boolean {
  return host.startsWith('/') || isLoopback(host);
}

async function tls(given: URLSearchParams, mode: string): Promise<ConnectionOptions> {
  const file = async (name: string): Promise<string | undefined> => {
    const path = given.get(name);
    if (path === null || path === 'system') return undefined;
    return readFile(path, 'utf8').catch(() => {
      throw new KeywardError('config_invalid', `The file that ${name} names can not be read.`);
    });
  };
  const [ca, cert, key] = await Promise.all(['sslrootcert', 'sslcert', 'sslkey'].map(file));
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(mode === 'verify-ca' && { checkServerIdentity: () => undefined }),
  };
}
