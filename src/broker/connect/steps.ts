/** What the page of an attempt shows, step by step. */
import type { PublicError } from '../../errors.ts';
import type { Credential, Share } from '../../vault/vault.ts';
import type { JsonSchemaObject } from '../input/forms.ts';
import type { WantedScope } from '../oauth/hand-over.ts';
import type { BorrowedClient, Family } from './family.ts';

/** What a page shows. Every step carries what tells the person which request this is. */
export type ConnectView = {
  readonly attemptId: string;
  readonly connector: { readonly id: string; readonly name: string; readonly docsUrl: string };
  /** Scope → what it lets Keyward do, in Keyward's words, for those that the vendor explains. */
  readonly scopeDescriptions: Readonly<Record<string, string>>;
  /** Where the credential will be sent, unless a built-in connector says so alone. */
  readonly destination: string | null;
  /** The connection that gets another secret by this, as it is now; null for a new one. */
  readonly reconnects: Pick<Credential, 'name' | 'account'> | null;
  /** Who else has the connection that this gives another secret: what is entered is theirs to use, too. */
  readonly shares: readonly Share[];
  /** The program that asked, as it calls itself. */
  readonly client: string | null;
  /** The owner began it in person, on a page of their own or in a terminal; a program can only say that it is them. */
  readonly own: boolean;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** The attempt that the person began in place of this one; null while there is none. */
  readonly continuedAs: string | null;
  /** Token that every form of this attempt must send back. */
  readonly csrf: string;
} & Step;

type OtherWay = {
  readonly authenticationType: string;
  readonly title: string;
  /** What it takes of the person, in words that follow the title. */
  readonly takes: string;
};

export type Step =
  /** A backend vouched for the person: the page waits for a click that binds the attempt to this browser. */
  | { readonly step: 'claim' }
  | {
      readonly step: 'auth_config';
      /** The service's page for apps, or the host of a server that the connection names. */
      readonly clientsAt: string;
      readonly redirectUri: string | null;
      /** What else the person has to do with the app, in the words of the connector's definition. */
      readonly appSteps: readonly string[];
      /** The definition is a file of somebody's own, so its words are not Keyward's. */
      readonly ownFile: boolean;
      readonly scopes: readonly string[];
      readonly secretNeeded: boolean;
      /** The same app serves these services of the vendor, too. Null where it serves this one alone. */
      readonly family: Family | null;
      /** Other ways that need no app, the quickest first. */
      readonly others: readonly OtherWay[];
    }
  | {
      readonly step: 'inputs';
      readonly schema: JsonSchemaObject;
      readonly values: Readonly<Record<string, string>>;
      /** Where the person makes or finds the secrets, if a page is known. */
      readonly keyUrl: string | null;
    }
  | {
      /** The token of one site would be given to another: the person says so first, knowing both. */
      readonly step: 'hand_over';
      readonly tokenOf: string;
      readonly givenTo: string;
      /** What the receiver wants, where it chose that itself; else null. */
      readonly choices: readonly WantedScope[] | null;
      readonly scopes: readonly string[];
    }
  /** Somebody who knows who they are goes on, and only then the service is asked for a code (RFC 8628 §5.4). */
  | { readonly step: 'device_start'; readonly scopes: readonly string[] }
  | {
      readonly step: 'authorize';
      readonly authorizationUrl: string;
      readonly scopes: readonly string[];
      /** The OAuth client in use, when the person may enter another one. */
      readonly changeableClientId: string | null;
      /** That client was entered for another service of the vendor, and this one may need more of the app; else null. */
      readonly borrowed: BorrowedClient | null;
    }
  | {
      readonly step: 'device';
      readonly scopes: readonly string[];
      readonly userCode: string;
      readonly verificationUri: string;
      readonly verificationUriComplete: string | null;
    }
  | { readonly step: 'working' }
  | {
      readonly step: 'completed';
      /** `unconfirmed`: why the service did not say that it takes it; null: it did. */
      readonly credential:
        | (Pick<Credential, 'id' | 'name' | 'account'> & { readonly unconfirmed: string | null })
        | null;
      readonly returnTo: string | null;
    }
  /** `again`: the person may begin anew from here. */
  | { readonly step: 'failed'; readonly error: PublicError; readonly returnTo: string | null; readonly again: boolean }
  | { readonly step: 'expired'; readonly again: boolean };
