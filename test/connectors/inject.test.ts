import { describe, expect, it } from 'vitest';
import { inject } from '../../src/connectors/inject.ts';

describe('injection', () => {
  it('puts secrets into headers, the query and Basic, where the rules say', () => {
    const rules = [
      { in: 'header', name: 'X-Api-Key', value: '{apiKey}' },
      { in: 'query', name: 'key', value: '{apiKey}' },
      { in: 'basic', username: '{user}', password: '{pass}' },
    ] as const;
    expect(inject(rules, { apiKey: 'k&=', user: 'änn', pass: 'p:w' })).toEqual({
      headers: { 'x-api-key': 'k&=', authorization: `Basic ${Buffer.from('änn:p:w').toString('base64')}` },
      query: [['key', 'k&=']],
      path: '',
    });
  });

  it('puts a secret into one segment of the path, whatever it holds', () => {
    const rules = [{ in: 'path', value: 'bot{token}' }] as const;
    expect(inject(rules, { token: '1:A-b' }).path).toBe('/bot1:A-b');
    expect(inject(rules, { token: 'a/../b?c#d' }).path).toBe('/bota%2F..%2Fb%3Fc%23d');
    const alone = [{ in: 'path', value: '{token}' }] as const;
    for (const token of ['', '.', '..', '\ud800']) {
      expect(() => inject(alone, { token })).toThrowError(expect.objectContaining({ code: 'invalid_input' }));
    }
  });

  it('49. refuses a secret that would end the header', () => {
    const rules = [{ in: 'header', name: 'authorization', value: 'Bearer {token}' }] as const;
    expect(() => inject(rules, { token: 'a\r\nhost: evil' })).toThrowError(
      expect.objectContaining({ code: 'invalid_input' }),
    );
  });
});
