/** What rows about several services have in common. */
import type { Deviation } from '../profile.ts';

/** How a service differs from one by the book. What it does not document, PKCE above all, is simulated as refused. */
export type Behaviour = Omit<Deviation, 'about'>;
export type Behaviours = Readonly<Record<string, Behaviour>>;

/** What the services call the person: a label that no other part of an answer holds. */
export const ann = 'ann@example.com';

/** In seconds. */
export const day = 86_400;

export const rotates = { kind: 'rotates' } as const;
export const stays = { kind: 'omitted' } as const;
export const none = { kind: 'none' } as const;

/** A token without an end, and without a word about it. */
export const forever = { lifetime: null, refresh: none, answer: { expiresIn: 'absent' } } as const satisfies Behaviour;

/** Id and secret in the body, and nothing that OAuth 2.0 itself does not know. */
export const plain = { clientAuth: 'post', pkce: 'refused', revocation: null } as const satisfies Behaviour;

/** As `plain`, with Basic, which is taken as it is written. */
export const plainBasic = { ...plain, clientAuth: 'raw' } as const satisfies Behaviour;

/** The token that calls is the one that ends. */
export const byItself = { by: 'bearer' } as const;
