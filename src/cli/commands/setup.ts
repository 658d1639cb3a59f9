/** `keyward setup`: makes the MCP clients on this computer start this Keyward, or no longer. */
import { secretVariables } from '../../config/config.ts';
import { hasCode, toPublic } from '../../errors.ts';
import { localPrincipal } from '../../principal.ts';
import { type FoundClient, thisSystem } from '../clients/clients.ts';
import { readConfig, replaceConfig } from '../clients/config-file.ts';
import { diffOf } from '../clients/diff.ts';
import { askWhich, findClients } from '../clients/pick.ts';
import { changes, entryName, type Plan, planRemoval, planSetup, type Wanted } from '../clients/plan.ts';
import { launchOf, thisProcess } from '../clients/texts.ts';
import type { Invocation, Run } from '../command.ts';
import { findConnection } from '../connection-name.ts';
import { requireMcpServer } from '../mcp-servers.ts';
import { plain, printJson } from '../terminal/table.ts';
import { findTerminal } from '../terminal/terminal.ts';
import { withConnections } from '../with-store.ts';

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

/** What the files are to say, or no longer. */
type Aim = {
  readonly wanted: readonly Wanted[];
  /** Take away: Keyward's own entry (`own`), or those of these connections; null to add. */
  readonly gone: 'own' | readonly string[] | null;
};

export const setup: Run = async (invocation) => {
  const { flags, words } = invocation;
  const aim = await aimOf(invocation);
  const [yes, asJson] = [flags.has('yes'), flags.has('json')];
  const found = await findClients(thisSystem(), words);
  const looked = await Promise.all(found.map((client) => look(client, aim)));
  const due = looked.flatMap(({ plan }) => (plan !== undefined && changes(plan) ? [plan] : []));

  if (!asJson) await showAll(looked, aim);
  const terminal = yes || asJson || due.length === 0 ? null : findTerminal();
  const chosen = terminal ? await askWhich(due, terminal) : yes ? due : [];
  const outcomes = new Map(looked.map(({ outcome }) => [outcome.path, outcome]));
  for (const plan of chosen) {
    const outcome = await write(plan);
    // Some people keep one file for several clients, with links to it: then it was just changed.
    const again = outcome.state === 'failed' ? await look(plan.config, aim) : null;
    outcomes.set(plan.config.path, again?.outcome.state === 'right' ? again.outcome : outcome);
  }

  const all = [...outcomes.values()];
  if (asJson) printJson({ clients: all });
  else tellAll(all, chosen, { aim, asked: terminal !== null || yes });
  const left = terminal ? [] : all.filter(({ state }) => state === 'different');
  return found.length === 0 || left.length > 0 || all.some(({ state }) => state === 'failed') ? 1 : 0;
};

/** Keyward itself, or with --mcp the connections that it names. */
async function aimOf(invocation: Invocation): Promise<Aim> {
  const self = thisProcess(invocation.options);
  const remove = invocation.flags.has('remove');
  const named = invocation.lists.get('mcp') ?? [];
  if (named.length === 0) {
    return remove ? { wanted: [], gone: 'own' } : { wanted: [{ launch: launchOf(self), server: null }], gone: null };
  }
  const wanted: Wanted[] = [];
  const gone: string[] = [];
  await withConnections(invocation, 'keyward setup', async (broker) => {
    for (const typed of named) {
      const found = await findConnection(broker, localPrincipal, typed).catch((error: unknown) => {
        // What stands in a file for a connection that is gone can be taken out by its name there.
        if (remove && hasCode(error, 'not_found')) return null;
        throw error;
      });
      gone.push(found?.credentialId ?? typed);
      if (found === null || remove) continue;
      requireMcpServer(broker, found);
      const id = found.credentialId;
      wanted.push({ launch: launchOf(self, ['mcp', id]), server: { id, name: entryName(found) } });
    }
    return 0;
  });
  return { wanted, gone: remove ? gone : null };
}

type Looked = { readonly found: FoundClient; readonly outcome: Outcome; readonly plan?: Plan };

/** What there is to do for a client. A file that can't be changed keeps nobody from changing the others. */
async function look(found: FoundClient, { wanted, gone }: Aim): Promise<Looked> {
  const { client, path } = found;
  try {
    const config = await readConfig(found);
    const plan =
      gone === null ? await planSetup(config, wanted) : await planRemoval(config, gone === 'own' ? null : gone);
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

async function showAll(looked: readonly Looked[], { wanted, gone }: Aim) {
  const launches = wanted.map(({ launch }) => launch);
  const own = launches.flatMap(({ command, args, env }) => [command, ...args, ...Object.values(env)]);
  const known = new Set([...own, 'stdio']);
  const right = wanted.some(({ server }) => server !== null)
    ? 'starts these servers already'
    : gone === null
      ? 'starts this Keyward already'
      : gone === 'own'
        ? 'does not start Keyward'
        : 'does not start these servers';
  const colours = process.stdout.isTTY && process.env.NO_COLOR === undefined;
  for (const { found, outcome, plan } of looked) {
    const { name } = found.client;
    if (outcome.state === 'right') {
      say(plain(`${name} ${right}: ${outcome.path}`));
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
  { aim, asked }: { readonly aim: Aim; readonly asked: boolean },
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
  if (aim.gone === null && secrets.length > 0 && (written.length > 0 || left)) {
    const names = aim.wanted.map(({ server }) => server?.name ?? 'keyward').join(', ');
    note(`Set ${secrets.join(', ')} there yourself, in the env of ${names}: setup writes no secret.`);
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
