/** Which hosts of a connection somebody names, instead of its definition. */
import { usesTokenEndpoint } from './auth-kinds.ts';
import type { AuthMethod, Connector, InputProperty } from './connector.ts';
import { serverUrls } from './server-hosts.ts';
import { type Values, wholeVariable } from './template.ts';

/**
 * The inputs that can name any public host, and the host that each of them names here. An input that only chooses among
 * hosts of the definition, or fills a label below the vendor's domain, names none.
 */
export function namedHosts(
  connector: Pick<Connector, 'inputs'>,
  auth: AuthMethod,
  values: Values,
): ReadonlyMap<string, string> {
  const properties = { ...connector.inputs.properties, ...auth.inputs.properties };
  const urls = usesTokenEndpoint(auth) ? serverUrls(auth) : [];
  const own = auth.authenticationType === 'oauth2' ? [auth.authorizationEndpoint, auth.protectedResource] : [];
  const named = new Map<string, string>();
  for (const template of [...auth.api.allowedHosts, ...urls, ...own]) {
    const name = wholeVariable(template) ?? /^\{([A-Za-z][A-Za-z0-9_-]*)\}(?::\d+)?$/.exec(template ?? '')?.[1];
    const property = name === undefined ? undefined : properties[name];
    const value = name === undefined ? undefined : values[name];
    if (name === undefined || property === undefined || value === undefined || isBounded(property)) continue;
    named.set(name, hostIn(template ?? '', name, value));
  }
  return named;
}

/** What to call the service of a connection. The name of a connector for any service says nothing; its hosts do. */
export function serviceName(
  connector: Pick<Connector, 'categories' | 'inputs' | 'name'>,
  auth: AuthMethod,
  values: Values,
): string {
  if (!connector.categories.includes('generic')) return connector.name;
  const hosts = new Set(namedHosts(connector, auth, values).values());
  return hosts.size > 0 ? [...hosts].join(', ') : connector.name;
}

/** A choice, or a pattern whose every match ends in the same domain of two labels or more. */
function isBounded({ enum: choices, pattern = '' }: InputProperty): boolean {
  return choices !== undefined || (!pattern.includes('|') && /(?:\\\.[a-z0-9-]+){2,}\$$/.test(pattern));
}

/** As egress understands it. What is no host stays as it is: it is refused where it is used, and must not pass for another. */
function hostIn(template: string, name: string, value: string): string {
  const url = wholeVariable(template) === null ? `https://${template.replace(`{${name}}`, value)}` : value;
  return URL.canParse(url) ? new URL(url).host : value;
}
