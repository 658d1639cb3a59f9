/** Which calls a connection may make: methods, path patterns, and the ways to slip past them. */
import { describe, expect, it } from 'vitest';
import { problemOfPattern } from '../../../src/broker/calls/path-pattern.ts';
import { type CallPolicy, checkCall, widensPolicy } from '../../../src/broker/calls/policy.ts';
import type { Share } from '../../../src/vault/vault.ts';
import { reading } from '../../support/principals.ts';

const bob = reading({ tenant: 't', user: 'bob' });
const row = (policy: CallPolicy | null, shares: readonly Share[] = []) => ({ tenant: 't', policy, shares });

function isAllowed(policy: CallPolicy | null, method: string, path: string, shares?: readonly Share[]): boolean {
  try {
    checkCall(row(policy, shares), shares ? 'use' : 'owner', bob, method, path);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'forbidden', hint: expect.stringContaining('owner') });
    return false;
  }
}

describe('a policy', () => {
  it('lets every call through where there is none', () => {
    for (const method of ['GET', 'DELETE', 'PATCH']) expect(isAllowed(null, method, '/any/../thing')).toBe(true);
    checkCall({ tenant: 't' }, 'owner', bob, 'POST', '/old/row');
  });

  it.each(['TRACE', 'trace', 'TRACK', 'CONNECT'])('of any kind, or none, does not allow %s', (method) => {
    for (const policy of [null, { methods: null, paths: null }, { methods: [method.toUpperCase()], paths: null }]) {
      expect(() => checkCall(row(policy), 'owner', bob, method, '/x')).toThrow(
        expect.objectContaining({ code: 'forbidden' }),
      );
    }
  });

  it.each([
    ['GET', true],
    ['get', true],
    ['HEAD', true],
    ['POST', false],
    ['OPTIONS', false],
  ])('that lists GET answers %s with %s, since HEAD is GET without a body', (method, allowed) => {
    expect(isAllowed({ methods: ['GET'], paths: null }, method, '/x')).toBe(allowed);
  });

  it('that lists HEAD alone does not allow GET', () => {
    expect(isAllowed({ methods: ['HEAD'], paths: null }, 'GET', '/x')).toBe(false);
  });

  it.each([
    ['/repos/**', '/repos', true],
    ['/repos/**', '/repos/', true],
    ['/repos/**', '/repos/a/b/c', true],
    ['/repos/**', '/repositories', false],
    ['/repos/**', '/admin', false],
    ['/repos/*', '/repos/a', true],
    ['/repos/*', '/repos/a/b', false],
    ['/repos/*', '/repos/', false],
    ['/repos/*/issues', '/repos/a/issues', true],
    ['/repos/*/issues', '/repos//issues', false],
    ['/repos/*/issues/**', '/repos/a/issues/1', true],
    ['/user', '/user', true],
    ['/user', '/User', false],
    ['/user', '/user/', false],
    ['/a b', '/a%20b', true],
    ['/%72epos/*', '/repos/a', true],
    ['/**', '/anything/at/all', true],
  ])('with the pattern %s answers %s with %s', (pattern, path, allowed) => {
    expect(isAllowed({ methods: null, paths: [pattern] }, 'GET', path)).toBe(allowed);
  });

  it.each([
    '/repos/../admin',
    '/repos/%2e%2e/admin',
    '/repos/.%2E/admin',
    '/repos/%252e%252e/admin',
    '/repos/..;/admin',
    '/repos/..%3bx=1/admin',
    '/repos/\\..\\admin',
    '/repos/%5c..%5cadmin',
    '/repos/a%2f..%2f..%2fadmin',
    '/repos/%EF%BC%8E%EF%BC%8E/admin',
    '/repos/\u2025/admin',
    '/repos/./a',
    '/repos/..%20/admin',
    '/repos/..%20;x/admin',
    '/repos/a%EF%BC%8Fb',
    '/repos/%EF%BC%852e%EF%BC%852e/admin',
    '/repos/%EF%BC%BC..',
    '/repos/a%00',
    '/repos/a%0d%0aHost:x',
    '/repos/%',
    '/repos/%ff',
    '/repos/a?x=/admin',
    '/repos/a#x',
    'repos/a',
    '//evil.example/repos/a',
    '',
  ])('56. refuses a path that the service could read as another one: %j', (path) => {
    expect(isAllowed({ methods: null, paths: ['/repos/**'] }, 'GET', path)).toBe(false);
  });

  it('reads %72epos as repos, so that no spelling is a way around or a way in', () => {
    expect(isAllowed({ methods: null, paths: ['/repos/**'] }, 'GET', '/%72epos/a')).toBe(true);
    expect(isAllowed({ methods: null, paths: ['/users/**'] }, 'GET', '/%72epos/a')).toBe(false);
  });

  it('takes an encoded slash as part of a segment and as a separator: both have to be allowed', () => {
    const path = '/projects/group%2Fapp/issues';
    expect(isAllowed({ methods: null, paths: ['/projects/*/issues'] }, 'GET', path)).toBe(false);
    expect(isAllowed({ methods: null, paths: ['/projects/*/*/issues'] }, 'GET', path)).toBe(false);
    expect(isAllowed({ methods: null, paths: ['/projects/group%2Fapp/**'] }, 'GET', path)).toBe(true);
    expect(isAllowed({ methods: null, paths: ['/projects/**'] }, 'GET', path)).toBe(true);
  });
});

describe('a use share', () => {
  const use = (policy?: CallPolicy): Share => ({
    with: 'user:bob',
    permission: 'use',
    ...(policy === undefined ? {} : { policy }),
  });

  it('reads only, unless its owner said otherwise', () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS']) expect(isAllowed(null, method, '/x', [use()])).toBe(true);
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY'])
      expect(isAllowed(null, method, '/x', [use()])).toBe(false);
    expect(isAllowed(null, 'POST', '/x', [use({ methods: ['POST'], paths: null })])).toBe(true);
  });

  it('never exceeds the policy of the connection', () => {
    const all = use({ methods: null, paths: null });
    expect(isAllowed({ methods: ['GET'], paths: ['/a'] }, 'POST', '/a', [all])).toBe(false);
    expect(isAllowed({ methods: ['GET'], paths: ['/a'] }, 'GET', '/b', [all])).toBe(false);
    expect(isAllowed({ methods: ['GET'], paths: ['/a'] }, 'GET', '/a', [all])).toBe(true);
  });

  it('has the widest of the shares that reach the caller, one at a time, and nothing of another person’s', () => {
    const mine = use({ methods: ['GET'], paths: ['/a'] });
    const tenant: Share = { with: 'tenant:t', permission: 'use', policy: { methods: ['POST'], paths: ['/b'] } };
    const other: Share = { with: 'user:eve', permission: 'use', policy: { methods: null, paths: null } };
    const shares = [mine, tenant, other];
    expect(isAllowed(null, 'GET', '/a', shares)).toBe(true);
    expect(isAllowed(null, 'POST', '/b', shares)).toBe(true);
    expect(isAllowed(null, 'POST', '/a', shares)).toBe(false);
    expect(isAllowed(null, 'DELETE', '/c', shares)).toBe(false);
    expect(isAllowed(null, 'GET', '/a', [{ with: 'user:bob', permission: 'view' }])).toBe(false);
    expect(isAllowed(null, 'GET', '/a', [other])).toBe(false);
  });
});

describe('widening', () => {
  const p = (methods: string[] | null, paths: string[] | null): CallPolicy => ({ methods, paths });
  it.each<[CallPolicy | null, CallPolicy | null, boolean]>([
    [null, p(['GET'], null), false],
    [null, null, false],
    [p(null, null), null, false],
    [p(['GET'], null), null, true],
    [p(['GET'], null), p(['GET', 'POST'], null), true],
    [p(['GET', 'POST'], null), p(['GET'], ['/a']), false],
    [p(['GET'], null), p(['HEAD'], null), false],
    [p(['HEAD'], null), p(['GET'], null), true],
    [p(null, ['/a/**']), p(null, ['/a/b', '/a/*', '/a/b/**', '/a/**', '/a']), false],
    [p(null, ['/a/*']), p(null, ['/a/**']), true],
    [p(null, ['/a/*']), p(null, ['/a/b/c']), true],
    [p(null, ['/a/*']), p(null, ['/b']), true],
    [p(null, ['/a/*/c']), p(null, ['/a/b/c']), false],
    [p(null, ['/a/b']), p(null, ['/a/*']), true],
    [p(null, ['/a']), p(null, null), true],
    [p(null, ['/a/*']), p(null, ['/a/b%2Fc']), true],
  ])('from %j to %j is %s', (now, next, wider) => {
    expect(widensPolicy(now, next)).toBe(wider);
  });
});

describe('a pattern', () => {
  it.each(['/', '/**', '/a', '/a/*', '/a/*/b/**', '/a%20b', '/a%2Fb/*'])('can be %s', (pattern) => {
    expect(problemOfPattern(pattern)).toBeNull();
  });
  it.each([
    '',
    'a',
    'https://x/y',
    '/a*',
    '/**/a',
    '/a/../b',
    '/a?b',
    '/a#b',
    '/a\\b',
    '/%',
    '/%2e%2e/',
    '/a%2F**%2Fb',
  ])('can’t be %j', (pattern) => {
    expect(problemOfPattern(pattern)).toEqual(expect.stringMatching(/^m(ust|ay) /));
  });
});
