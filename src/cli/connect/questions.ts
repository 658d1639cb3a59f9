/** What a person is asked in the terminal while they connect a service. */

import { effortText, type Way, wayTitle } from '../../broker/credentials/ways.ts';
import { fieldsOf } from '../../broker/input/fields.ts';
import { KeywardError } from '../../errors.ts';
import { plain } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** Asks which way, where there are several. Without a terminal nobody can say, so all of them are named. */
export async function chooseWay(ways: readonly Way[], terminal: Terminal | null): Promise<Way> {
  const [first, ...others] = ways;
  if (first === undefined) throw new KeywardError('internal', 'This service has no way to connect it.');
  if (others.length === 0) return first;
  if (terminal === null) {
    const types = ways.map(({ form }) => form.authenticationType).join(', ');
    throw new KeywardError('invalid_input', `${first.connector.name} can be connected in several ways.`, {
      hint: `Add --type with one of ${types}.`,
    });
  }
  ways.forEach((way, index) => {
    terminal.say(`${plain(`${index + 1}  ${wayTitle(way)} (${way.auth.authenticationType}): ${effortText(way)}`)}\n`);
  });
  for (;;) {
    const typed = (await terminal.ask(`Which way? [1] `)).trim();
    const chosen =
      ways[typed === '' ? 0 : Number(typed) - 1] ?? ways.find(({ form }) => form.authenticationType === typed);
    if (chosen !== undefined) return chosen;
  }
}

/**
 * Asks for what is missing: inputs that are no secret, and with `secrets` those, too, unseen. Answers what was typed by
 * name of the field.
 */
export async function askFields(
  { connector, auth, form }: Way,
  given: Readonly<Record<string, string>>,
  { terminal, secrets }: { readonly terminal: Terminal; readonly secrets: boolean },
): Promise<Record<string, string>> {
  const typed: Record<string, string> = {};
  for (const [name, { property, required }] of fieldsOf(connector, auth)) {
    const secret = property.writeOnly === true;
    if (!required || given[name] !== undefined || (secret && !secrets)) continue;
    if (property.description !== undefined) terminal.say(`${plain(property.description)}\n`);
    if (secret && form.keyUrl !== undefined) terminal.say(`It is made at ${plain(form.keyUrl)}\n`);
    if (property.enum !== undefined) terminal.say(`One of ${plain(property.enum.join(', '))}\n`);
    const label = `${plain(property.title ?? name)}: `;
    typed[name] = (secret ? await terminal.askSecret(label) : await terminal.ask(label)).trim();
  }
  return typed;
}
