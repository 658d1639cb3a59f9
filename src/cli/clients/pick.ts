/** Which clients a person means, and which of the changes. */
import { closestMatch } from 'leven';
import { KeywardError } from '../../errors.ts';
import { count } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { type Client, clientFiles, clients, type FoundClient, type System } from './clients.ts';
import type { Plan } from './plan.ts';

/**
 * The clients that the words name; all that are on this computer when there are none.
 *
 * @throws KeywardError `config_invalid` with the nearest word for one that names no client, `not_found` for a client that
 *   is not on this computer
 */
export async function findClients(system: System, words: readonly string[]): Promise<readonly FoundClient[]> {
  const wanted = words.map(clientOf);
  const found = await clientFiles(system);
  const missing = wanted.find((client) => !found.some((one) => one.client === client));
  if (missing !== undefined) {
    throw new KeywardError(
      'not_found',
      `${missing.name} is not on this computer: there is no ${missing.folder(system)}.`,
      {
        hint: `Start ${missing.name} once, so that it makes its folder; then try again.`,
      },
    );
  }
  return wanted.length === 0 ? found : found.filter(({ client }) => wanted.includes(client));
}

function clientOf(word: string): Client {
  const same = (one: string) => one.toLowerCase() === word.toLowerCase();
  const client = clients.find(({ id, name }) => same(id) || same(name));
  if (client !== undefined) return client;
  const ids = clients.map(({ id }) => id);
  const nearest =
    ids.find((id) => id.startsWith(word.toLowerCase())) ??
    closestMatch(word.toLowerCase(), ids, { maxDistance: Math.max(2, Math.floor(word.length / 3)) });
  const meant = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  throw new KeywardError('config_invalid', `${word} is no client that Keyward knows${meant}`, {
    hint: `It knows ${ids.join(', ')}.`,
  });
}

/**
 * Asks at the terminal which of the changes to make.
 *
 * @throws KeywardError `cancelled` when the person stops, or wants none
 */
export async function askWhich(plans: readonly Plan[], terminal: Terminal): Promise<readonly Plan[]> {
  const { confirm, isCancel, multiselect } = await import('@clack/prompts');
  const [only] = plans;
  const chosen = await terminal.lend(async (streams) =>
    only !== undefined && plans.length === 1
      ? confirm({ message: `Make this change for ${only.config.client.name}?`, ...streams })
      : multiselect({
          message: `Make ${count(plans.length, 'change')}? Space leaves one out, Enter goes on`,
          options: plans.map((plan) => ({ value: plan, label: plan.config.client.name, hint: plan.config.path })),
          initialValues: [...plans],
          required: false,
          ...streams,
        }),
  );
  const wanted = isCancel(chosen) || chosen === false ? [] : chosen === true ? plans : chosen;
  if (wanted.length > 0) return wanted;
  throw new KeywardError('cancelled', 'Nothing was changed.');
}
