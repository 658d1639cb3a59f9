/** `keyward setup`: makes the MCP clients on this computer start this Keyward, or no longer. */
import { secretVariables } from '../../config/config.ts';
import { toPublic } from '../../errors.ts';
import { type FoundClient, thisSystem } from '../clients/clients.ts';
import { readConfig, replaceConfig } from '../clients/config-file.ts';
import { diffOf } from '../clients/diff.ts';
import { askWhich, findClients } from '../clients/pick.ts';
import { changes, type Plan, planRemoval, planSetup } from '../clients/plan.ts';
import { type Launch, launchOf, thisProcess } from '../clients/texts.ts';
import type { Run } from '../command.ts';
import { plain, printJson } from '../terminal/table.ts';
import { openTerminal } from '../terminal/terminal.ts';

/** What became of one client, for programs. */
type Outcome = {
  readonly client: string;
  readonly path: string;
  /** `different`: it would be written, had it been said to. `right`: nothing was to be done. */
  readonly state: 'written' | 'different' | 'right' | 'failed';
  /** The copy of the old file. */
  readonly backup?: string;
  readonly problem?: string;
};

export const setup: Run = async ({ options, flags, words }) => {
  const launch = launchOf(thisProcess(options));
  const [remove, yes, asJson] = [flags.has('remove'), flags.has('yes'), flags.has('json')];
  const found = await findClients(thisSystem(), words);
  const looked = await Promise.all(found.map((client) => look(client, remove ? null : launch)));
  const due = looked.flatMap(({ plan }) => (plan !== undefined && changes(plan) ? [plan] : []));

  if (!asJson) await showAll(looked, { launch, remove });
  const terminal = yes || asJson || due.length === 0 ? null : openTerminal();
  const chosen = terminal ? await askWhich(due, terminal).finally(() => terminal.close()) : yes ? due : [];
  const outcomes = new Map(looked.map(({ outcome }) => [outcome.path, outcome]));
  for (const plan of chosen) {
    const outcome = await write(plan);
    // Some people keep one file for several clients, with links to it: then it was just changed.
    const again = outcome.state === 'failed' ? await look(plan.config, remove ? null : launch) : null;
    outcomes.set(plan.config.path, again?.outcome.state === 'right' ? again.outcome : outcome);
  }

  const all = [...outcomes.values()];
  if (asJson) printJson({ clients: all });
  else tellAll(all, chosen, { remove, asked: terminal !== null || yes });
  const left = terminal ? [] : all.filter(({ state }) => state === 'different');
  return found.length === 0 || left.length > 0 || all.some(({ state }) => state === 'failed') ? 1 : 0;
};

type Looked = { readonly found: FoundClient; readonly outcome: Outcome; readonly plan?: Plan };

/** What there is to do for a client. A file that can't be changed keeps nobody from changing the others. */
async function look(found: FoundClient, launch: Launch | null): Promise<Looked> {
  const { client, path } = found;
  try {
    const config = await readConfig(found);
    const plan = launch === null ? await planRemoval(config) : await planSetup(config, launch);
    return { found, plan, outcome: { client: client.id, path, state: changes(plan) ? 'different' : 'right' } };
  } catch (error) {
    return { found, outcome: { client: client.id, path, state: 'failed', problem: inWords(error) } };
  }
}

async function write({ config, text }: Plan): Promise<Outcome> {
  const { client, path } = config;
  try {
    const backup = await replaceConfig(config, text);
    return { client: client.id, path, state: 'written', ...(backup !== null && { backup }) };
  } catch (error) {
    return { client: client.id, path, state: 'failed', problem: inWords(error) };
  }
}

function inWords(error: unknown): string {
  const { message, hint } = toPublic(error);
  return [message, hint].filter(Boolean).join(' ');
}

async function showAll(looked: readonly Looked[], { launch, remove }: { launch: Launch; remove: boolean }) {
  const known = new Set([launch.command, ...launch.args, ...Object.values(launch.env), 'stdio']);
  const colours = process.stdout.isTTY && process.env.NO_COLOR === undefined;
  for (const { found, outcome, plan } of looked) {
    const { name } = found.client;
    if (outcome.state === 'right') {
      say(plain(`${name} ${remove ? 'does not start Keyward' : 'starts this Keyward already'}: ${outcome.path}`));
    } else if (plan === undefined) {
      note(outcome.problem ?? '');
    } else {
      say(`${name}:\n${await diffOf(plan, known, colours)}\n`);
    }
  }
}

function tellAll(
  all: readonly Outcome[],
  chosen: readonly Plan[],
  { remove, asked }: { readonly remove: boolean; readonly asked: boolean },
): void {
  const tried = chosen.map(({ config }) => config.path);
  for (const { state, path, backup, problem } of all.filter((one) => tried.includes(one.path))) {
    if (state === 'failed') note(problem ?? '');
    else if (state === 'written')
      say(plain(`Changed ${path}${backup === undefined ? '' : `; the old one is ${backup}`}`));
  }
  const written = all.filter(({ state }) => state === 'written').map(({ path }) => path);
  for (const { config } of chosen) if (written.includes(config.path)) note(config.client.next);
  const left = all.some(({ state }) => state === 'different');
  const secrets = secretVariables(process.env);
  if (!remove && secrets.length > 0 && (written.length > 0 || left)) {
    note(`Set ${secrets.join(', ')} there yourself, in the env of keyward: setup writes no secret.`);
  }
  if (all.length === 0) {
    note('No MCP client that Keyward knows is on this computer. keyward status shows what to add to any other.');
  } else if (left && !asked) {
    note(
      'Nothing was changed: there is no terminal to ask at. Say --yes to make these changes, or make them yourself.',
    );
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function note(text: string): void {
  process.stderr.write(`${plain(text)}\n`);
}
