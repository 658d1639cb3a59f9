/** How Keyward registered itself at an authorization server. */

/** What a registration was for. */
export type ClientRegistration = {
  readonly redirectUri: string;
  /** RFC 7591 §2. */
  readonly tokenEndpointAuthMethod: 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';
  /** When the client secret ends, or when the server was found not to know the client any more, in milliseconds since 1970; null never. */
  readonly expiresAt: number | null;
  /** The scopes that it was made for, which strict servers keep it to; null: whatever is asked for. Absent on rows from before that was noted. */
  readonly scopes?: readonly string[] | null;
};
