/** Addresses without encryption, among what somebody gave for a connection. */
import { allowSetting } from '../../hosts.ts';
import type { Egress } from '../../net/egress.ts';

/** Field → what is wrong, for each http address that the operator did not allow. No call would leave for it. */
export function plainUrlProblems(egress: Egress, inputs: Readonly<Record<string, string>>): Record<string, string> {
  const problems: Record<string, string> = {};
  for (const [field, value] of Object.entries(inputs)) {
    const url = /^http:/i.test(value) && URL.canParse(value) ? new URL(value) : null;
    if (url && !egress.allowsPlain(url))
      problems[field] = `must be https. If this service is yours and has no https, set ${allowSetting(url)}`;
  }
  return problems;
}
