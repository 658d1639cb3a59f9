/** Putting a secret where a call needs it. */
import type { InjectRule } from './connector.ts';
import { fillTemplate, fillText, type Values } from './template.ts';

/** What a call carries besides its own headers and query. Header names are in lower case. */
export type Injection = { readonly headers: Record<string, string>; readonly query: [name: string, value: string][] };

/**
 * Applies the rules with the credential's values: its inputs, or `accessToken` and the kept fields. `invalid_input`
 * when a value is missing or can't be sent.
 */
export function inject(rules: readonly InjectRule[], values: Values): Injection {
  const headers: Record<string, string> = {};
  const query: [string, string][] = [];
  for (const rule of rules) {
    if (rule.in === 'query') query.push([rule.name, fillTemplate(rule.value, values)]);
    else if (rule.in === 'header') headers[rule.name.toLowerCase()] = fillTemplate(rule.value, values);
    else headers.authorization = basic(fillText(rule.username, values), fillText(rule.password, values));
  }
  return { headers, query };
}

/** RFC 7617 §2. */
function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}
