/** What every operation of the broker works on. Knows no transport. */
import type { Catalogue } from '../connectors/catalogue.ts';
import type { ClientFamily } from '../connectors/families.ts';
import { type Log, logWith } from '../log.ts';
import type { Egress } from '../net/egress.ts';
import type { Turns } from '../vault/turns.ts';
import type { Credential, CredentialSecret, ShareRule, Vault } from '../vault/vault.ts';
import type { Refusals } from './policy/audit.ts';

/** An OAuth client that the environment provides for one connector, or for a family of them. */
export type DefaultAuthConfig = { readonly clientId: string; readonly clientSecret: string | null };

export type BrokerSettings = {
  /** Default auth configs by connector id (`KEYWARD_AUTH_<CONNECTOR>_CLIENT_ID`). */
  readonly authConfigs: ReadonlyMap<string, DefaultAuthConfig>;
  /** Those for all connectors of a vendor's family (`KEYWARD_AUTH_<FAMILY>_CLIENT_ID`). */
  readonly familyClients: ReadonlyMap<ClientFamily, DefaultAuthConfig>;
  /** Where the document is that names this Keyward to authorization servers, for one without an https address; null: none. */
  readonly clientMetadataUrl: string | null;
  /** Where `redirectUri` may point besides loopback: exact URIs, or bare origins for every path below them. */
  readonly redirectUris: readonly string[];
  /** `page`: secrets are refused in tool arguments. */
  readonly secretInput: 'any' | 'page';
  /** Whether and how a raw secret is handed to its owner. */
  readonly release: 'approve' | 'allow' | 'never';
  /** What becomes of a host that a call names: its owner is asked on a page, it is reached, or it never is. */
  readonly anyHost: 'page' | 'allow' | 'never';
  /** Calls of services that one user may have under way; through the gateway, which holds no answer, eight times as many. */
  readonly maxCalls: number;
  /** What crosses from one tenant to another. */
  readonly shareTenants: ShareRule;
};

/** What one user may have under way at once, in this process. */
export type UnderWay = {
  /** Requests of programs, whatever they ask for. */
  readonly requests: Turns;
  /** Pages of a person: each may read all that they have. */
  readonly pages: Turns;
  /** Calls whose answers are kept whole, for a model. */
  readonly calls: Turns;
  /** Calls through the gateway. */
  readonly streams: Turns;
  /** Streams through the gateway that wait for events. */
  readonly listeners: Turns;
  readonly refreshes: Turns;
  /** Calls that wait for a person. */
  readonly waits: Turns;
};

/** The pages as the broker needs them; the transport that serves them provides it. */
export type Pages = {
  /** Origin that OAuth clients register, such as `http://127.0.0.1:7355`; the callback is below it. */
  readonly callbackOrigin: string;
  /**
   * Makes sure that the pages are being served for this attempt, and answers their origin; with `callback` also what
   * the service sends the person back to. Serving ends by itself some time after the attempt did. Fails with
   * `port_in_use` when a stranger holds the callback's port.
   */
  open(attemptId: string, callback: boolean): Promise<string>;
  /** Serves the pages of approvals, which need no callback, until this time at least; answers their origin. */
  openApprovals(until: number): Promise<string>;
  /**
   * At the owner's own computer: opens a page in their browser; false when there is none. Null where the owner is
   * elsewhere and signs in. Nobody signs in to local pages, so links to them carry a token.
   */
  readonly showLocally: ((url: string) => Promise<boolean>) | null;
};

/** A credential together with its plaintext, as of one version. */
export type Opened = { readonly credential: Credential; readonly secret: CredentialSecret };

export type BrokerParts = {
  readonly vault: Vault;
  readonly catalogue: Catalogue;
  readonly egress: Egress;
  readonly log: Log;
  readonly settings: BrokerSettings;
  readonly pages: Pages;
};

export type Broker = BrokerParts & {
  readonly refusals: Refusals;
  readonly underWay: UnderWay;
  /** Refreshes under way in this process, by credential id: concurrent readers share one. */
  readonly flights: Map<string, Promise<Opened>>;
  /** Token answers that could not be stored yet, by credential id: lost ones would cost the grant. */
  readonly unsaved: Map<string, { readonly tried: Credential; readonly secret: CredentialSecret }>;
  /** Services that just failed to refresh, by credential id: nobody asks again before `until` (`performance.now()`). */
  readonly coolDowns: Map<string, { readonly until: number; readonly error: Error }>;
  /** Device attempts that this process polls. */
  readonly watched: Set<string>;
  /** Waits for refreshes under way and writes what is not stored yet. The vault is closed by whoever opened it. */
  close(): Promise<void>;
};

/** The broker for one request of a program: what it logs stands under the id of the request. */
export function forRequest(broker: Broker, requestId: string): Broker {
  return { ...broker, log: logWith(broker.log, { requestId }) };
}
