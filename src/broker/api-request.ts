/** Requests to a service on behalf of a connection: base URL, fixed headers, and the secret where the connector wants it. */
import type { Api, AuthMethod } from '../connectors/definition.ts';
import { inject } from '../connectors/inject.ts';
import { fillTemplate, fillUrl } from '../connectors/template.ts';
import { KeywardError } from '../errors.ts';
import { hostMatches } from '../hosts.ts';
import type { EgressRequest } from '../net/egress.ts';
import type { Opened } from './broker.ts';

/** Everything a template of this connection may name. */
function valuesOf({ credential, secret }: Opened): Record<string, string> {
  if (secret.kind === 'inputs') return { ...credential.inputs, ...secret.inputs };
  return { ...credential.inputs, ...secret.kept, accessToken: secret.accessToken };
}

/**
 * The request for a path below the connection's base URL, with the secret in it. The host must be one that the connector
 * allows and one that the credential was made for: a definition that changed later can't send it elsewhere.
 */
export function apiRequest(
  opened: Opened,
  api: Api,
  auth: AuthMethod,
  call: { readonly method: string; readonly path: string; readonly body?: string },
): EgressRequest {
  const values = valuesOf(opened);
  const url = fillUrl(api.baseUrl, values, api.allowedHosts);
  const origin = url.origin;
  const [path = '', query] = call.path.split('?', 2);
  url.pathname = url.pathname.replace(/\/$/, '') + path;
  url.search = query ?? '';
  if (url.origin !== origin || !opened.credential.hosts.some((host) => hostMatches(url, host))) {
    throw new KeywardError('egress_refused', `This credential was not made for ${url.host}.`, {
      hint: 'Make a new credential for that address.',
    });
  }
  const injected = inject(auth.inject, values);
  for (const [name, value] of injected.query) url.searchParams.set(name, value);
  const fixed = Object.entries(api.headers).map(([name, value]) => [name.toLowerCase(), fillTemplate(value, values)]);
  const headers = {
    accept: 'application/json',
    ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...Object.fromEntries(fixed),
    ...injected.headers,
  };
  return {
    url,
    method: call.method,
    headers,
    hosts: opened.credential.hosts,
    ...(call.body === undefined ? {} : { body: call.body }),
  };
}
