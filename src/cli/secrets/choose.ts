/** What a person is asked: which of the secrets to take, and what connecting needs besides. */
import { fieldsOf } from '../../broker/input/fields.ts';
import { accepts } from '../../connectors/accepts.ts';
import { KeywardError } from '../../errors.ts';
import { count, plain } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Finding } from './findings.ts';
import { type Place, placeText } from './places.ts';

/**
 * True where a person typed the command themselves. A program that starts Keyward gives it pipes, even where the program
 * itself runs in a terminal.
 */
export function isTyped(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** @throws KeywardError `cancelled` when the person stops, or wants none */
export async function askWhich(findings: readonly Finding<Place>[], terminal: Terminal): Promise<Finding<Place>[]> {
  const { isCancel, multiselect } = await import('@clack/prompts');
  const question = {
    message: `Move ${count(findings.length, 'secret')} into the vault? Space leaves one out, Enter goes on`,
    options: findings.map((finding) => ({
      value: finding,
      label: plain(`${finding.connector.name} ${finding.shown}`),
      hint: plain(finding.spots.map(({ place }) => placeText(place)).join('; ')),
    })),
    initialValues: findings.filter(({ missing, elsewhere }) => missing.length === 0 && elsewhere === null),
    required: false,
  };
  const chosen = await terminal.lend((streams) => multiselect({ ...question, ...streams }));
  if (!isCancel(chosen) && chosen.length > 0) return chosen;
  throw new KeywardError('cancelled', 'Nothing was stored, and nothing was changed.');
}

/** The finding with what was missing; as it was when the person leaves something out. */
export async function askMissing(finding: Finding<Place>, terminal: Terminal): Promise<Finding<Place>> {
  const { isCancel, password, text } = await import('@clack/prompts');
  const { connector, auth } = finding;
  const [inputs, secrets] = [{ ...finding.inputs }, { ...finding.secrets }];
  for (const name of finding.missing) {
    const property = fieldsOf(connector, auth).get(name)?.property;
    if (property === undefined) return finding;
    const title = `${connector.name}: ${property.title ?? name}`;
    const choice = property.enum === undefined ? '' : ` (one of ${property.enum.join(', ')})`;
    const question = {
      message: plain(`${title}${choice}. ${property.description ?? ''}`.trim()),
      validate: (value: string | undefined) =>
        value === undefined || value === '' || accepts(property, value) ? undefined : 'It has another form.',
    };
    const ask = property.writeOnly ? password : text;
    const typed = await terminal.lend((streams) => ask({ ...question, ...streams }));
    if (isCancel(typed) || typed === undefined || typed === '') return finding;
    (property.writeOnly ? secrets : inputs)[name] = typed;
  }
  return { ...finding, inputs, secrets, missing: [] };
}
