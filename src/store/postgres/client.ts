/** A client that proves a password and never shows it, and that a server has to prove itself to. */
import pg from 'pg';
import { KeywardError } from '../../errors.ts';

/** The part of the driver's wire that this needs (pg 8, lib/connection.js). */
type Wire = {
  /** Answers a request for a password: in clear, or as an MD5 that is as good as it for whoever reads it. */
  password: (password: string) => void;
  once(event: 'authenticationSASLFinal', listener: () => void): void;
  emit(event: 'error', error: Error): void;
};

/**
 * Without TLS anybody who sits on the database's port could ask for the password: then it is used in SCRAM-SHA-256 only
 * (RFC 7677), in which both sides prove that they know it and neither learns it. libpq calls that
 * `require_auth=scram-sha-256`.
 */
export class ProvingClient extends pg.Client {
  #proved = false;

  constructor(config?: string | pg.ClientConfig) {
    super(config);
    if (this.ssl) return;
    const wire = (this as unknown as { readonly connection: Wire }).connection;
    wire.password = () => wire.emit('error', unproved('asks for the password itself'));
    wire.once('authenticationSASLFinal', () => {
      this.#proved = true;
    });
  }

  /** Fails where there is a password and the server let us in without it. Call it once connected. */
  demandProof(): void {
    const { password } = this as unknown as { readonly password: unknown };
    if (!this.ssl && !this.#proved && password !== null && password !== undefined) {
      throw unproved('lets everybody in without the password');
    }
  }
}

function unproved(what: string): KeywardError {
  return new KeywardError('store_unavailable', `The database ${what}, so it did not prove that it is the right one.`, {
    hint: 'Let it authenticate with scram-sha-256 (pg_hba.conf, password_encryption), or use TLS. On one computer the socket folder is safest: postgres:///database?host=/var/run/postgresql',
  });
}
