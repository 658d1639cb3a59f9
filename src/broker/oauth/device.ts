import type { OAuth2Method } from '../../connectors/definition.ts';
import { KeywardError } from '../../errors.ts';
import type { OAuthContext, TokenSet } from './context.ts';

/** A started device flow (RFC 8628 §3.2). `expiresAt` in milliseconds since 1970. */
export type DeviceStart = {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string | null;
  readonly intervalSeconds: number;
  readonly expiresAt: number;
};

export type DevicePoll =
  | { readonly pending: true; readonly slowDown: boolean }
  | { readonly pending: false; readonly tokens: TokenSet };

/** Asks for a device code (RFC 8628 §3.1). */
export async function startDevice(_context: OAuthContext<OAuth2Method>): Promise<DeviceStart> {
  throw new KeywardError('internal', 'Not built yet.');
}

/** Asks once whether the person has finished (RFC 8628 §3.4); the caller keeps the interval. */
export async function pollDevice(_context: OAuthContext<OAuth2Method>, _deviceCode: string): Promise<DevicePoll> {
  throw new KeywardError('internal', 'Not built yet.');
}
