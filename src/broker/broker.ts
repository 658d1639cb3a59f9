/** What every operation of the broker works on. Built once by main.ts; knows no transport. */
import type { Catalogue } from '../connectors/catalogue.ts';
import type { Log } from '../log.ts';
import type { Egress } from '../net/egress.ts';
import type { Vault } from '../vault/vault.ts';

/** An OAuth client that the environment provides for one connector. */
export type DefaultAuthConfig = { readonly clientId: string; readonly clientSecret: string | null };

export type BrokerSettings = {
  /** Default auth configs by connector id (`KEYWARD_AUTH_<CONNECTOR>_CLIENT_ID`). */
  readonly authConfigs: ReadonlyMap<string, DefaultAuthConfig>;
  /** Where `redirectUri` may point besides loopback. */
  readonly redirectUris: readonly string[];
  /** `page`: secrets are refused in tool arguments. */
  readonly secretInput: 'any' | 'page';
  /** Whether and how a raw secret is handed to its owner. */
  readonly release: 'approve' | 'allow' | 'never';
};

/** The pages as the broker needs them; the transport that serves them provides it. */
export type Pages = {
  /** Origin that OAuth clients register, such as `http://127.0.0.1:7355`; the callback is below it. */
  readonly callbackOrigin: string;
  /**
   * Makes sure that pages and the callback are being served and answers the origin of the pages. Fails with
   * `port_in_use` when a stranger holds the callback's port.
   */
  open(): Promise<string>;
};

export type Broker = {
  readonly vault: Vault;
  readonly catalogue: Catalogue;
  readonly egress: Egress;
  readonly log: Log;
  readonly settings: BrokerSettings;
  readonly pages: Pages;
};
