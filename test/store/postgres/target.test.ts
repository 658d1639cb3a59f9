import { describe, expect, it } from 'vitest';
import { KeywardError } from '../../../src/errors.ts';
import { readTarget } from '../../../src/store/postgres/target.ts';

const sslOf = async (url: string) => (await readTarget(url)).config.ssl;
const refusal = (url: string) =>
  readTarget(url).then(
    () => undefined,
    (error: KeywardError) => error,
  );

describe('a PostgreSQL URL', () => {
  it('means a proved, encrypted connection unless the server is on this computer', async () => {
    expect(await sslOf('postgres://kw@db.example/kw')).toMatchObject({ rejectUnauthorized: true });
    expect(await sslOf('postgres://kw@db.example/kw')).not.toHaveProperty('checkServerIdentity');
    expect(await sslOf('postgres://kw@10.0.0.7/kw?sslmode=verify-ca')).toMatchObject({ rejectUnauthorized: true });
    expect(await sslOf('postgres://kw@127.0.0.1/kw?sslmode=verify-full')).toMatchObject({ rejectUnauthorized: true });
    for (const local of ['127.0.0.1', 'localhost', '[::1]', '%2Fvar%2Frun%2Fpostgresql']) {
      expect(await sslOf(`postgres://kw@${local}/kw`)).toBe(false);
    }
    expect(await sslOf('postgres:///kw?host=/var/run/postgresql')).toBe(false);
  });

  it('gives up encryption when that is written there, and never by a mode that only looks like it', async () => {
    expect(await sslOf('postgres://kw@db.example/kw?sslmode=disable')).toBe(false);
    for (const mode of ['allow', 'prefer', 'require', 'no-verify', '']) {
      expect(await refusal(`postgres://kw@db.example/kw?sslmode=${mode}`)).toMatchObject({ code: 'config_invalid' });
    }
  });

  it('is refused for what it has no use for or lacks, without being repeated', async () => {
    const wrong = [
      '/kw?x=1',
      '',
      '/kw?pool_size=0',
      '/kw?pool_size=1000',
      '/kw?sslmode=verify-full&sslrootcert=/no/where',
    ];
    for (const rest of wrong) {
      const error = await refusal(`postgres://kw:canary-91@db.example${rest}`);
      expect(error).toBeInstanceOf(KeywardError);
      expect(error?.code).toBe('config_invalid');
      expect(JSON.stringify({ ...error, message: error?.message })).not.toContain('canary-91');
    }
  });

  it('has a place in the words of logs and pages that never holds the password', async () => {
    const { location, config } = await readTarget('postgres://kw:canary%2091@db.example:5433/kw?pool_size=3');
    expect(location).toBe('postgres://kw@db.example:5433/kw');
    expect(config).toMatchObject({ host: 'db.example', port: 5433, user: 'kw', password: 'canary 91', max: 3 });
  });
});
