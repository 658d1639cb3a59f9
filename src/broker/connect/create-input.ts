/** What creating a credential takes and answers. */
import type { Broker } from '../broker.ts';

/** A credential, or the link that a person has to open. */
export type Created = { readonly kind: 'created'; readonly credentialId: string } | StartedAttempt;

/** A pending attempt and its link. */
export type StartedAttempt = {
  readonly kind: 'attempt';
  /** `oauth`: the service asks the person. `connect`: Keyward's page asks first for what is missing. */
  readonly page: 'oauth' | 'connect';
  readonly url: string;
  readonly attemptId: string;
  readonly expiresAt: number;
  /** What the person types at the service (RFC 8628 §3.3). */
  readonly userCode?: string;
};

/** What `create_credential` takes: these, and the fields of the connector's `inputSchema`, flat. */
export type CreateInput = {
  readonly connectorId: string;
  readonly authenticationType: string;
  readonly userId?: string | undefined;
  readonly authConfigId?: string | undefined;
  readonly redirectUri?: string | undefined;
  readonly name?: string | undefined;
  /** Reconnect this credential in place. */
  readonly credentialId?: string | undefined;
  readonly [field: string]: unknown;
};

/** Keyed digest of a call's arguments; the order of the fields does not matter. */
export function argumentsDigest(broker: Broker, input: CreateInput): string {
  const sorted = Object.keys(input)
    .filter((field) => input[field] !== undefined)
    .sort()
    .map((field) => [field, input[field]]);
  return broker.vault.proof('arguments', JSON.stringify(sorted));
}
