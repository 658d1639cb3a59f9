/** Who a person is to oidc-provider. */
import type { Owner } from '../../principal.ts';

export function accountOf({ tenant, user }: Owner): string {
  return JSON.stringify([tenant, user]);
}
