/** What PostgreSQL and its driver say, in Keyward's errors. Their own texts may quote rows and stay inside. */
import { type ErrorCode, KeywardError } from '../../errors.ts';

type Words = readonly [code: ErrorCode, what: string, hint: string];

const gone: Words = [
  'store_unavailable',
  'The database can not be reached',
  'Nothing that was acknowledged is lost. Keyward connects again by itself once the database answers.',
];
const unproved: Words = [
  'store_unavailable',
  'The database did not prove that it is the right one',
  'Name its root certificate with sslrootcert, and let KEYWARD_STORE say the host as its certificate does.',
];
const handshake: Words = [
  'store_unavailable',
  'The database and Keyward did not agree on TLS',
  'Check sslcert, sslkey and sslrootcert, and what the server asks for.',
];
const shuffled: Words = [
  'storage_failed',
  'A connection has the prepared statements of another one',
  'A pooler between Keyward and the database has to keep sessions together.',
];
const busy: Words = ['vault_busy', 'The database did not get to it in time', 'Try again in a moment.'];

/** By SQLSTATE, or by its class (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const words: Readonly<Record<string, Words>> = {
  '08': gone,
  '57P01': gone,
  '57P02': gone,
  '57P03': gone,
  '57P05': gone,
  '53': ['store_unavailable', 'The database has no connection or memory left', 'Try again in a moment.'],
  '53100': ['storage_full', 'The disk of the database is full', 'Free some space and try again; nothing was lost.'],
  '25006': [
    'storage_readonly',
    'The database takes no writes',
    'It may be a standby: let KEYWARD_STORE name the primary.',
  ],
  '28': ['store_unavailable', 'The database refused the login', 'Check user, password and pg_hba.conf.'],
  '3D000': ['store_unavailable', 'There is no such database', 'Create it, or correct KEYWARD_STORE.'],
  '42501': [
    'storage_failed',
    'The database user may not do this',
    'Let one who may change Keyward’s tables run keyward migrate, and grant this one the rights on their rows.',
  ],
  '42P05': shuffled,
  '26000': shuffled,
  '42P01': ['storage_failed', 'Keyward’s tables are not there', 'Run: keyward migrate'],
  '40': busy,
  '55P03': busy,
  '57014': busy,
  '22021': ['invalid_input', 'A text holds a character that can not be stored', 'Leave out zero bytes.'],
};

/** System errors of a connection, and what the driver says without any code. */
const lost = /^(ECONN|EPIPE|ENOTFOUND|EAI_|EHOST|ENET|ETIMEDOUT|ENOENT|EACCES)/;
const driverLost = /terminated|timeout|not queryable|connection|closed/i;
/** What Node's TLS finds wrong with a certificate (https://nodejs.org/api/tls.html#x509-certificate-error-codes). */
const certificate =
  /^(ERR_TLS_CERT_|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_|ERROR_IN_|PATH_LENGTH_|HOSTNAME_|UNSPECIFIED)/;

/** An error of the driver as a KeywardError; one of those as it is. */
export function storeError(error: unknown): KeywardError {
  if (error instanceof KeywardError) return error;
  const { code = '', message = '' } = Object(error) as { code?: string; message?: string };
  const [kind, what, hint] =
    words[code] ?? words[code.slice(0, 2)] ?? (code === '' ? withoutCode(message) : ofSystem(code));
  return new KeywardError(kind, `${what}${code === '' ? '' : ` (${code})`}.`, { hint });
}

function ofSystem(code: string): Words {
  if (lost.test(code)) return gone;
  if (certificate.test(code)) return unproved;
  return /^ERR_(SSL|TLS|OSSL)/.test(code) ? handshake : unknown;
}

function withoutCode(message: string): Words {
  // The driver's words; a server without TLS proves nothing.
  if (message.includes('does not support SSL')) return unproved;
  return driverLost.test(message) ? gone : unknown;
}

const unknown: Words = ['storage_failed', 'The database failed', 'Look into the log of the database, then try again.'];

/** True when trying the same again, as it is, is what PostgreSQL asks for: a deadlock, or two serialised transactions. */
export function asksToRetry(error: unknown): boolean {
  const { code } = Object(error) as { code?: string };
  return code === '40001' || code === '40P01';
}

/** True when the connection itself is of no use any more: it ended, or leads to a server that has become a standby. */
export function endsConnection(error: unknown): boolean {
  return ['store_unavailable', 'storage_readonly'].includes(storeError(error).code);
}

/** What was to be changed is another one by now, or the keys are. */
export function changedFirst(): KeywardError {
  return new KeywardError('conflict', 'Somebody else changed this record first.', {
    hint: 'Read it again, then retry.',
  });
}
