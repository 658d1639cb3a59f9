import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { redactText } from '../src/log.ts';

/** Runs a script that has `createLog` and `captureConsole`, in a real process. */
function inProcess(script: string): { stdout: string; lines: Record<string, unknown>[] } {
  const code = `
    import { captureConsole, createLog } from './src/log.ts';
    const log = createLog();
    ${script}
    await log.flush();
  `;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', './scripts/typescript.mjs', '--input-type=module', '--eval', code],
    { encoding: 'utf8' },
  );
  expect(status, stderr).toBe(0);
  const lines = stderr.split('\n').filter((line) => line !== '');
  return { stdout, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('log', () => {
  it('writes one JSON line for each event on stderr, in order, and nothing on stdout', () => {
    const { stdout, lines } = inProcess(`
      for (let n = 0; n < 100; n++) log.info('counted', { n });
      log.error('failed', { code: 'vault_busy' });
    `);
    expect(stdout).toBe('');
    expect(lines).toHaveLength(101);
    expect(lines.slice(0, 100).map(({ n }) => n)).toEqual([...Array(100).keys()]);
    expect(lines[100]).toMatchObject({ level: 'error', event: 'failed', code: 'vault_busy' });
    expect(Date.parse(String(lines[100]?.time))).toBeGreaterThan(0);
  });

  it('loses no line when the process ends in the turn that wrote it', () => {
    const { lines } = inProcess(`
      log.info('first');
      await log.flush();
      log.info('second');
      process.on('exit', () => log.info('too late'));
      setImmediate(() => process.exit(0));
    `);
    expect(lines.map(({ event }) => event)).toEqual(['first', 'second']);
  });

  it('hides values by name', () => {
    const { lines } = inProcess(`
      log.info('named', { clientSecret: 'a1', apiKey: 'a2', api_key: 'a3', password: 'a4', accessToken: 'a5', authorization: 'a6',
        cookie: 'a7', codeVerifier: 'a8', state: 'a9', passphrase: 'a10', key: 'a11', userCode: 'a12',
        connectorId: 'github', status: 200, keyId: 'k1', code: 'not_found' });
    `);
    expect(JSON.stringify(lines)).not.toMatch(/"a\d+"/);
    expect(lines[0]).toMatchObject({ connectorId: 'github', status: 200, keyId: 'k1', code: 'not_found' });
  });

  it('hides values by shape, wherever they stand', () => {
    const secrets = [
      'Bearer abcdefghijkl',
      'Basic dXNlcjpwYXNz',
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln',
      'ghp_0123456789abcdef',
      'xoxb-123456789012-abc',
      'sk-proj-0123456789',
      'sk_live_0123456789',
      'kw_0123456789',
      'Zx9aB3cD4eF5gH6iJ7kL8mN9oP0qR1sT2u',
    ];
    for (const secret of secrets) {
      const hidden = redactText(`before ${secret} after`);
      expect(hidden).toMatch(/^before .*after$/);
      for (const part of secret.split(' ').slice(-1)) expect(hidden).not.toContain(part);
    }
    expect(redactText('https://a.example/cb?code=abc&state=def&x=1')).toBe(
      'https://a.example/cb?code=[redacted]&state=[redacted]&x=1',
    );
    expect(redactText('postgres://user:pass@db.example/x')).toBe('postgres://[redacted]@db.example/x');
  });

  it('leaves ids, paths and plain words readable', () => {
    for (const text of [
      'connection 0b9e3c1e-7a52-4a4e-9d0c-2f1f6c1f7a10 of google-drive',
      '/home/ann/.local/share/keyward/vault.json',
      'invalid_grant: the person has to connect again',
      'https://api.example.com/v1/me?page=2',
    ]) {
      expect(redactText(text)).toBe(text);
    }
  });

  it('41. what a dependency prints with console becomes a line of the log and never reaches stdout', () => {
    const { stdout, lines } = inProcess(`
      captureConsole(log);
      console.log('to', { nobody: 1 });
      console.info('Bearer abcdefghijkl');
      console.error('x'); console.warn('x'); console.debug('x'); console.dir({ a: 1 }); console.table([{ a: 1 }]);
      console.trace('x'); console.group('x'); console.groupEnd(); console.assert(false, 'x'); console.count();
    `);
    expect(stdout).toBe('');
    expect(lines[0]).toMatchObject({ event: 'console', text: 'to { nobody: 1 }' });
    expect(JSON.stringify(lines)).not.toContain('abcdefghijkl');
    expect(lines.length).toBeGreaterThanOrEqual(11);
  });
});
