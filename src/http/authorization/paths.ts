/** Where the authorization server answers, below the public URL. */

export const paths = {
  authorize: '/oauth/authorize',
  token: '/oauth/token',
  register: '/oauth/register',
  revoke: '/oauth/revoke',
} as const;

/** The page that asks a person, for one request. */
export function consentPath(request: string): string {
  return `/oauth/consent/${request}`;
}
