import type { Opened } from '../broker.ts';

/** Everything that a template of this connection may name: its inputs, what its service sent, and the secret. */
export function valuesOf({ credential, secret }: Opened): Record<string, string> {
  if (secret.kind === 'inputs') return { ...credential.inputs, ...secret.inputs };
  return { ...credential.inputs, ...secret.kept, accessToken: secret.accessToken };
}
