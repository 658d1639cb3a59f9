import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fillAllowed,
  filledHosts,
  fillTemplate,
  fillUrl,
  fixedBaseUrl,
  variablesIn,
} from '../../src/connectors/template.ts';
import { KeywardError } from '../../src/errors.ts';
import { hostMatches } from '../../src/hosts.ts';

/** The code that a call fails with, or null. */
function codeOf(call: () => unknown): string | null {
  try {
    call();
    return null;
  } catch (error) {
    if (error instanceof KeywardError) return error.code;
    throw error;
  }
}

/** Values that people who attack URL templates try. */
const attacks = [
  'evil.com/',
  'evil.com#',
  'evil.com?',
  'evil.com\\',
  'user@evil.com',
  'evil.com:443',
  'evil.com%2f',
  '%2e%2e',
  '..',
  '.',
  '',
  ' ',
  'a b',
  'a\tb',
  'a\r\nx-evil: 1',
  'a\u0000b',
  '{shop}',
  '[::1]',
  '-a',
  'a-',
  'a.b',
  'a_b',
  'ⅿy-shop',
  'my-shop。evil',
  'аpple',
  '\ud800',
  'a'.repeat(64),
];

describe('a URL template', () => {
  const shop = 'https://{shop}.example.com/admin';
  const hosts = ['{shop}.example.com'];

  it('is filled in host, path and query', () => {
    const url = fillUrl(
      'https://{shop}.example.com/{part}/x?q={q}',
      { shop: 'My-Shop', part: 'a b', q: 'c&d=e' },
      hosts,
    );
    expect(url.href).toBe('https://my-shop.example.com/a%20b/x?q=c%26d%3De');
  });

  it('may have a whole host name before a port, and lets it choose no other port', () => {
    const fill = (host: string) => fillUrl('https://{host}:6333/x', { host }, ['{host}:6333']).href;
    expect(fill('Cluster.eu.cloud.example.com')).toBe('https://cluster.eu.cloud.example.com:6333/x');
    for (const host of ['a.example.com:443', 'a.example.com:6334', 'a..b', '.a', '[::1]', 'a@b.example']) {
      expect(
        codeOf(() => fill(host)),
        host,
      ).toBe('invalid_input');
    }
    expect(codeOf(() => fillUrl('https://x.{host}:6333', { host: 'a.b' }, ['x.{host}:6333']))).toBe('invalid_input');
  });

  it.each(attacks.map((value) => [value]))('56. refuses %j as a part of the host', (value) => {
    expect(codeOf(() => fillUrl(shop, { shop: value }, hosts))).toBe('invalid_input');
  });

  it('56. keeps any value within its place in path and query, whatever it is', () => {
    const value = fc.oneof(fc.constantFrom(...attacks), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(value, value, (part, q) => {
        let url: URL;
        try {
          url = fillUrl('https://api.example.com/v1/{part}/end?q={q}&z=1', { part, q }, ['api.example.com']);
        } catch (error) {
          expect(error).toBeInstanceOf(KeywardError);
          return;
        }
        const segments = url.pathname.split('/');
        expect(url.origin).toBe('https://api.example.com');
        expect([segments.length, segments[1], segments[3]]).toEqual([4, 'v1', 'end']);
        expect(decodeURIComponent(segments[2] ?? '')).toBe(part);
        expect([...url.searchParams]).toEqual([
          ['q', q],
          ['z', '1'],
        ]);
        expect(url.hash).toBe('');
      }),
      { numRuns: 2_000 },
    );
  });

  it('56. never leaves the domain that the template spells out, whatever the value is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...attacks), fc.string({ unit: 'binary' }), fc.domain()), (value) => {
        try {
          const { hostname } = fillUrl(shop, { shop: value }, ['*.example.com']);
          expect(hostname).toMatch(/^[a-z0-9-]+\.example\.com$/);
        } catch (error) {
          expect(error).toBeInstanceOf(KeywardError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('56. refuses two values that together step up in the path', () => {
    expect(codeOf(() => fillUrl('https://a.example.com/v1/{a}{b}', { a: '.', b: '.' }, ['a.example.com']))).toBe(
      'invalid_input',
    );
  });

  it('takes a whole host name where the variable is the whole host, if that host is allowed', () => {
    const template = 'https://{host}/token';
    const allowed = ['login.example.com', '*.my.example.com'];
    expect(fillUrl(template, { host: 'org.my.example.com' }, allowed).host).toBe('org.my.example.com');
    expect(codeOf(() => fillUrl(template, { host: 'org.my.example.com.evil.com' }, allowed))).toBe('egress_refused');
    expect(codeOf(() => fillUrl(template, { host: 'evil.com' }, allowed))).toBe('egress_refused');
    expect(codeOf(() => fillUrl(template, { host: '127.0.0.1' }, allowed))).toBe('egress_refused');
    expect(codeOf(() => fillUrl(template, { host: 'login.example.com:8443' }, allowed))).toBe('invalid_input');
  });

  it('takes an https origin where a variable begins the template, and nothing more than an origin', () => {
    const fill = (origin: string) => fillUrl('{instance_url}/v1', { instance_url: origin }, ['*.my.example.com']).href;
    expect(fill('https://org.my.example.com')).toBe('https://org.my.example.com/v1');
    expect(fill('https://org.my.example.com/')).toBe('https://org.my.example.com/v1');
    const origins = [
      'http://org.my.example.com',
      'https://org.my.example.com/path',
      'https://org.my.example.com?x',
      'https://org.my.example.com#x',
      'https://u:p@org.my.example.com',
      'https://org.my.example.com\\@evil.com',
      'https://org.my.example.com:443',
      'org.my.example.com',
      ' https://org.my.example.com',
      'https://org.my.example.com\n',
      'https:org.my.example.com',
      'javascript:alert(1)',
      '',
    ];
    for (const origin of origins)
      expect(
        codeOf(() => fill(origin)),
        origin,
      ).toBe('invalid_input');
    expect(codeOf(() => fill('https://evil.com'))).toBe('egress_refused');
    expect(codeOf(() => fill('https://evilmy.example.com'))).toBe('egress_refused');
    expect(codeOf(() => fill('https://my.example.com'))).toBe('egress_refused');
  });

  it.each([['shop'], ['toString'], ['constructor']])(
    'names the missing variable %s, and takes none from the prototype',
    (name) => {
      expect(() => fillUrl(`https://a.example.com/{${name}}`, {}, ['a.example.com'])).toThrowError(
        expect.objectContaining({ code: 'invalid_input', details: { fields: { [name]: 'is missing' } } }),
      );
    },
  );

  it('fills each variable once: a value with braces is text', () => {
    expect(fillUrl('https://a.example.com/{a}', { a: '{b}', b: 'secret' }, ['a.example.com']).pathname).toBe(
      '/%7Bb%7D',
    );
    expect(fillTemplate('{a}', { a: '{b}', b: 'secret' })).toBe('{b}');
  });

  it('never quotes a value in an error', () => {
    for (const call of [
      () => fillUrl(shop, { shop: 'sekret canary' }, hosts),
      () => fillTemplate('Bearer {token}', { token: 'sekret\ncanary' }),
    ]) {
      try {
        call();
        expect.unreachable();
      } catch (error) {
        expect(JSON.stringify(error) + String(error)).not.toContain('sekret');
      }
    }
  });
});

describe('a base URL', () => {
  it('is fixed where no variable has a part in it or in its hosts, and is then what any values fill it to', () => {
    const hosts = fc.constantFrom('api.example.com', '*.example.com', '{shop}.example.com', '{+site}');
    const bases = fc.constantFrom(
      'https://api.example.com',
      'https://api.example.com/v1?a=b',
      'https://{shop}.example.com',
      'https://api.example.com/{shop}',
      '{shop}/v1',
      '{+site}',
    );
    const api = fc.record({ baseUrl: bases, allowedHosts: fc.array(hosts, { minLength: 1 }) });
    fc.assert(
      fc.property(api, fc.webUrl(), fc.domain(), (definition, site, shop) => {
        const isVariable = [definition.baseUrl, ...definition.allowedHosts].some((text) => text.includes('{'));
        const expected = isVariable ? null : fillUrl(definition.baseUrl, { site, shop }, definition.allowedHosts).href;
        for (const _ of ['made', 'known']) expect(fixedBaseUrl(definition)).toBe(expected);
      }),
    );
  });

  it('is refused each time where the hosts do not allow it', () => {
    const api = { baseUrl: 'https://api.example.com', allowedHosts: ['other.example'] };
    for (const _ of ['first', 'again']) expect(codeOf(() => fixedBaseUrl(api))).toBe('egress_refused');
  });
});

describe('a header template', () => {
  it.each([['a\r\nx-evil: 1'], ['a\nb'], ['a\rb'], ['a\u0000'], ['a\u007f'], ['naïve–dash']])(
    '49. refuses the value %j',
    (value) => {
      expect(codeOf(() => fillTemplate('Bearer {token}', { token: value }))).toBe('invalid_input');
    },
  );

  it('lists its variables once each', () => {
    expect(variablesIn('{a}-{b}-{a} {c-d}')).toEqual(['a', 'b', 'c-d']);
  });
});

describe('allowed hosts', () => {
  const at = (href: string, entry: string) => hostMatches(new URL(href), entry);

  it('match a host on any port, a host and port exactly, and a wildcard below its domain only', () => {
    expect(at('https://api.example.com', 'api.example.com')).toBe(true);
    expect(at('https://api.example.com:8443', 'API.example.com')).toBe(true);
    expect(at('https://api.example.com', 'api.example.com:443')).toBe(true);
    expect(at('https://api.example.com:8443', 'api.example.com:443')).toBe(false);
    expect(at('http://127.0.0.1:9411', '127.0.0.1:9411')).toBe(true);
    expect(at('https://a.example.com', '*.example.com')).toBe(true);
    expect(at('https://a.b.example.com', '*.example.com')).toBe(true);
    expect(at('https://example.com', '*.example.com')).toBe(false);
    expect(at('https://evilexample.com', '*.example.com')).toBe(false);
    expect(at('https://example.com.evil.com', 'example.com')).toBe(false);
  });

  it('become the hosts of one credential: filled, and a wildcard is the one host that the base URL came to', () => {
    const api = { baseUrl: '{instance_url}', allowedHosts: ['login.example.com', '*.my.example.com'] };
    expect(filledHosts(api, { instance_url: 'https://org.my.example.com' })).toEqual([
      'login.example.com',
      'org.my.example.com',
    ]);
    expect(
      filledHosts({ baseUrl: 'https://{shop}.x.example', allowedHosts: ['{shop}.x.example'] }, { shop: 'a' }),
    ).toEqual(['a.x.example']);
    expect(codeOf(() => filledHosts(api, {}))).toBe('invalid_input');
    expect(codeOf(() => filledHosts(api, { instance_url: 'https://evil.com' }))).toBe('egress_refused');
    expect(codeOf(() => fillAllowed('{shop}.x.example', { shop: 'evil.com/' }))).toBe('invalid_input');
  });
});
