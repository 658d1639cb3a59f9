/** Vendors' families: services of one vendor that take the same OAuth client, so that a person registers one app for all. */

type Family = {
  /** What the vendor is called. */
  readonly name: string;
  /** Connectors that a page names as examples, the first to stand for all. */
  readonly examples: readonly [string, ...string[]];
  /** Hosts that may get the client's secret: `host` or `*.domain`. A definition of the family that names another one is refused. */
  readonly hosts: readonly string[];
};

/**
 * Every family. Each vendor documents that one app may ask for the permissions of several of its APIs:
 *
 * - Google: https://developers.google.com/identity/protocols/oauth2/cross-client-identity
 * - Microsoft: https://learn.microsoft.com/power-bi/developer/embedded/change-permissions
 * - Atlassian: https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/ (Bitbucket has apps of its own)
 * - Zoho: https://zoho.com/accounts/protocol/oauth-setup.html; the hosts are those of its data centers
 */
export const clientFamilies = {
  google: {
    name: 'Google',
    examples: ['gmail', 'google-calendar', 'google-drive'],
    hosts: ['accounts.google.com', 'oauth2.googleapis.com'],
  },
  microsoft: {
    name: 'Microsoft',
    examples: ['outlook', 'one-drive', 'microsoft-teams'],
    hosts: ['login.microsoftonline.com'],
  },
  atlassian: {
    name: 'Atlassian',
    examples: ['jira', 'confluence'],
    hosts: ['auth.atlassian.com'],
  },
  zoho: {
    name: 'Zoho',
    examples: ['zoho-crm', 'zoho-books', 'zoho-mail'],
    hosts: [
      ...['*.zoho.com', '*.zoho.eu', '*.zoho.in', '*.zoho.com.au', '*.zoho.com.cn', '*.zoho.jp', '*.zoho.sa'],
      ...['*.zohocloud.ca', '*.zoho.uk', '*.zoho.ae'],
      ...['*.zohoapis.com', '*.zohoapis.eu', '*.zohoapis.in', '*.zohoapis.com.au', '*.zohoapis.com.cn'],
      ...['*.zohoapis.jp', '*.zohoapis.sa', '*.zohoapis.ca', '*.zohoapis.uk', '*.zohoapis.ae'],
    ],
  },
} as const satisfies Record<string, Family>;

/** Name of a family, as `clientFamily` of a definition and `KEYWARD_AUTH_<FAMILY>_CLIENT_ID` have it. */
export type ClientFamily = keyof typeof clientFamilies;

/** The names of the families, in order. */
export const familyNames = Object.keys(clientFamilies) as [ClientFamily, ...ClientFamily[]];
