/** URLs and extra parameters of a definition, filled for one connection. */
import { fillTemplate, fillUrl, urlParts, wholeUrl, wholeVariable } from '../../connectors/template.ts';
import { type Kept, type OAuthContext, variables } from './context.ts';

/**
 * An endpoint of the definition. A host that is written out is the definition's own word; one with variables must come
 * out as one of the allowed hosts, because a service may have sent the value. `{+name}` is the connection's own word.
 *
 * @throws KeywardError `egress_refused` for a host off the list, `invalid_input` for a missing variable
 */
export function fillEndpoint(context: OAuthContext, template: string, kept?: Kept): URL {
  const whole = wholeVariable(template);
  const values = variables(context, kept);
  if (whole !== null) return wholeUrl(values, whole);
  const parts = urlParts(template);
  const written = parts !== null && parts.origin === null && !parts.authority.includes('{');
  return fillUrl(template, values, written ? [parts.authority] : context.auth.api.allowedHosts);
}

/** Extra parameters of a request, with their variables filled in. */
export function fillParams(
  context: OAuthContext,
  params: Readonly<Record<string, string>>,
  kept?: Kept,
): Record<string, string> {
  const values = variables(context, kept);
  const filled = Object.entries(params).map(([name, value]) => [name, fillTemplate(value, values)] as const);
  // RFC 6749 §3.1: a parameter without a value is as good as none, and some servers refuse it.
  return Object.fromEntries(filled.filter(([, value]) => value !== ''));
}
