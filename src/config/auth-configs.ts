/** Default auth configs: the OAuth clients that the environment has for connectors. */
import { hasPlaceholder, placeholderProblem } from './values.ts';

/** An OAuth client from the environment. */
export type AuthConfigOption = { readonly clientId: string; readonly clientSecret: string | null };

/** How the environment names a connector: `custom.acme` → `CUSTOM_ACME`, `google-drive` → `GOOGLE_DRIVE`. */
export function connectorVariable(connectorId: string): string {
  return connectorId.toUpperCase().replace(/[^A-Z0-9]/g, '_');
}

/** The variable of a client's id or secret. */
export const authVariable = /^KEYWARD_AUTH_([A-Z0-9_]+)_CLIENT_(ID|SECRET)$/;

/** The clients in this environment; notes in `problems`, by variable, what is wrong with them. */
export function readAuthConfigs(
  env: NodeJS.ProcessEnv,
  problems: Record<string, string>,
): ReadonlyMap<string, AuthConfigOption> {
  const found = new Map<string, AuthConfigOption>();
  for (const [variable, value] of Object.entries(env)) {
    const [, connector, part] = authVariable.exec(variable) ?? [];
    if (connector === undefined || !value) continue;
    if (hasPlaceholder(value)) problems[variable] = placeholderProblem;
    const clientId = env[`KEYWARD_AUTH_${connector}_CLIENT_ID`];
    if (part === 'SECRET' && !clientId) problems[variable] = `needs KEYWARD_AUTH_${connector}_CLIENT_ID beside it`;
    if (part === 'ID') {
      found.set(connector, { clientId: value, clientSecret: env[`KEYWARD_AUTH_${connector}_CLIENT_SECRET`] || null });
    }
  }
  return found;
}
