/** `keyward import`: secrets in files of clients, in `.env` files and in the environment become connections. */
import { secretVariables } from '../../config/config.ts';
import { loadCatalogue } from '../../connectors/catalogue.ts';
import { KeywardError, toPublic } from '../../errors.ts';
import { localPrincipal } from '../../principal.ts';
import { lastingLine, thisProcess } from '../clients/texts.ts';
import type { Invocation, Run } from '../command.ts';
import { askMissing, askWhich, isTyped } from '../secrets/choose.ts';
import { type Finding, findSecrets } from '../secrets/findings.ts';
import { fileOf, namedPlaces, nearHome, type Place, usualPlaces } from '../secrets/places.ts';
import { exposureIn, type Files, outcomeOf, rowsOf, viewOf } from '../secrets/report.ts';
import { changesFor, rewriteFile } from '../secrets/rewrite.ts';
import { servicesOf } from '../secrets/services.ts';
import { type Stored, storeFinding } from '../secrets/store-finding.ts';
import { withProgress } from '../terminal/progress.ts';
import { plain, printJson, table } from '../terminal/table.ts';
import { findTerminal, type Terminal } from '../terminal/terminal.ts';
import { withBroker } from '../with-store.ts';

/** A finding, and what became of it. */
type Done = { readonly one: Finding<Place>; readonly stored: Stored };

export const importSecrets: Run = async (invocation) => {
  const { config, flags, words } = invocation;
  const [yes, asJson] = [flags.has('yes'), flags.has('json')];
  if (yes && asJson) {
    throw new KeywardError('config_invalid', '--json only shows what was found, and --yes takes it.', {
      hint: 'Give one of them.',
    });
  }
  const catalogue = await loadCatalogue(config.connectorsDir);
  const looked = words.length > 0 ? await namedPlaces(words) : await usualPlaces(process.cwd(), process.env);
  const found = findSecrets(servicesOf(catalogue), looked.groups);
  const exposure = await exposureIn(found);
  for (const { message, hint = '' } of looked.problems) note(`${message} ${hint}`);
  const unread = looked.problems.length > 0 ? 1 : 0;
  if (asJson) {
    printJson({ secrets: found.map((one) => viewOf(one, exposure)) });
    return unread;
  }
  if (found.length === 0) {
    note('No secret of a service that Keyward knows was found.');
    return unread;
  }
  process.stdout.write(table([['service', 'secret', 'where'], ...found.flatMap(rowsOf)]));
  const terminal = yes ? null : findTerminal();
  if (terminal === null && !yes) {
    throw new KeywardError('cancelled', 'Nothing was changed, as there is no terminal to ask at.', {
      hint: 'Run the command in a terminal. With --yes it stores them without asking, but only in a terminal it also takes them out of the files.',
    });
  }
  const person = terminal !== null || isTyped();
  const done = await chooseAndStore(invocation, found, { person, terminal });
  const leftBecause = leavesFiles(invocation, person);
  const failed = leftBecause === null ? await rewrite(invocation, done) : new Map<string, string>();
  const files: Files = { leftBecause, failed, exposure };
  for (const { one, stored } of done) {
    for (const line of await outcomeOf(one, stored, files)) process.stdout.write(`${plain(line)}\n`);
  }
  return failed.size > 0 || done.some(({ stored }) => stored.kind === 'kept') ? 1 : unread;
};

/** Why files are left as they are; `{reference}` stands for what may be put there. Null where they are rewritten. */
function leavesFiles({ config }: Invocation, person: boolean): string | null {
  // A program could start this; what other programs are started with is for a person to change.
  if (!person) return 'still holds it: put {reference} there, or run keyward import in a terminal';
  if (config.release !== 'never') return null;
  return 'still holds it, since with KEYWARD_RELEASE=never keyward run could not hand it out';
}

type How = {
  /** A person said so, or asked for it. */
  readonly person: boolean;
  /** Where they choose, and say what is missing; null where all is taken. */
  readonly terminal: Terminal | null;
};

async function chooseAndStore(
  invocation: Invocation,
  found: readonly Finding<Place>[],
  { person, terminal }: How,
): Promise<Done[]> {
  const chosen = terminal === null ? found : await askWhich(found, terminal);
  const complete: Finding<Place>[] = [];
  for (const one of chosen) {
    complete.push(
      terminal === null || one.missing.length === 0 || one.elsewhere !== null ? one : await askMissing(one, terminal),
    );
  }
  const done: Done[] = [];
  const principal = { ...localPrincipal, client: 'keyward import' };
  await withBroker(invocation, (broker) =>
    withProgress('Asking the services', async (step) => {
      for (const [index, one] of complete.entries()) {
        step(index, complete.length);
        done.push({ one, stored: await storeFinding(broker, principal, one, person) });
      }
    }),
  );
  return done;
}

/** Rewrites each file once. Answers file → what is to be said of it, where it may hold a secret still. */
async function rewrite({ options }: Invocation, done: readonly Done[]): Promise<Map<string, string>> {
  const runner = lastingLine(thisProcess(options), ['run']);
  const changes = done.flatMap(({ one, stored }) =>
    stored.kind === 'stored' ? changesFor(one, stored.connectionId) : [],
  );
  const failed = new Map<string, string>();
  for (const file of new Set(changes.flatMap(({ place }) => fileOf(place) ?? []))) {
    try {
      const own = changes.filter(({ place }) => fileOf(place) === file);
      const { removedBackup, stillHolds } = await rewriteFile(file, own, runner);
      if (removedBackup !== null) note(`Removed ${nearHome(removedBackup)}, which held one of the secrets.`);
      if (stillHolds) failed.set(file, 'refers to it, but the file holds it in another place, too: take it out there');
    } catch (error) {
      const { message, hint = '' } = toPublic(error);
      failed.set(file, `still holds it. ${message} ${hint}`.trim());
    }
  }
  const secrets = secretVariables(process.env);
  if (changes.some(({ place }) => place.kind === 'server') && secrets.length > 0) {
    note(`Set ${secrets.join(', ')} for your MCP clients, too: they start keyward run, which needs them.`);
  }
  return failed;
}

function note(text: string): void {
  process.stderr.write(`${plain(text).trim()}\n`);
}
