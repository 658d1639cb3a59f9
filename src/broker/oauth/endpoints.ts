/** URLs and extra parameters of a definition, filled for one connection. */
import { fillTemplate, fillUrl, urlParts } from '../../connectors/template.ts';
import { type Kept, type OAuthContext, variables } from './context.ts';

/**
 * An endpoint of the definition. A host that is written out is the definition's own word; one with variables must come
 * out as one of the allowed hosts, because a service may have sent the value.
 *
 * @throws KeywardError `egress_refused` for a host off the list, `invalid_input` for a missing variable
 */
export function fillEndpoint(context: OAuthContext, template: string, kept?: Kept): URL {
  const parts = urlParts(template);
  const written = parts !== null && parts.origin === null && !parts.authority.includes('{');
  return fillUrl(template, variables(context, kept), written ? [parts.authority] : context.auth.api.allowedHosts);
}

/** Extra parameters of a request, with their variables filled in. */
export function fillParams(
  context: OAuthContext,
  params: Readonly<Record<string, string>>,
  kept?: Kept,
): Record<string, string> {
  const values = variables(context, kept);
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, fillTemplate(value, values)]));
}
