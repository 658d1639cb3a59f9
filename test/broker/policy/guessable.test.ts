import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isGuessable, requireUnguessable } from '../../../src/broker/policy/guessable.ts';

it.each([
  'hunter2',
  'Sunshine2024!',
  'SommerUrlaub2023',
  'a1b2c3d4e5f6',
  '1234567890123456',
  'x7Gk2pQ9',
  'a'.repeat(64),
])('68. the password %s can be guessed', async (password) => expect(await isGuessable(password)).toBe(true));

it.each([
  'correct horse battery staple',
  'x7Gk2pQ9vBw1z',
  `${'ghp'}_${'aXbYc'.repeat(3)}Zq81LmNoPw90RsTuV`,
  'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  JSON.stringify({
    type: 'service_account',
    project_id: 'a-project',
    private_key_id: '8f3b1c9d7e6a5f4b3c2d1e0f9a8b7c6d5e4f3a2b',
  }),
])('68. %s can not', async (secret) => expect(await isGuessable(secret)).toBe(false));

it('68. no random key of 24 letters and digits or more can be guessed', async () => {
  const key = fc.record({ seed: fc.nat(), length: fc.integer({ min: 24, max: 43 }) });
  await fc.assert(
    fc.asyncProperty(key, async ({ seed, length }) => {
      const random = createHash('sha256').update(`${seed}`).digest('base64url').slice(0, length);
      expect(await isGuessable(random), random).toBe(false);
    }),
    { numRuns: 50 },
  );
});

it('68. tokens are of an authorization server, which makes them: they are not judged', async () => {
  const tokens = {
    kind: 'tokens',
    accessToken: 'short',
    refreshToken: null,
    tokenType: 'Bearer',
    expiresAt: null,
    refreshExpiresAt: null,
    scopes: null,
    kept: {},
  };
  await requireUnguessable(tokens as Parameters<typeof requireUnguessable>[0]);
});
