/** `keyward completion`: the script for a shell, and what that script asks. */
import type { Broker } from '../../broker/broker.ts';
import { type Config, readConfig } from '../../config/config.ts';
import { loadCatalogue } from '../../connectors/catalogue.ts';
import { KeywardError } from '../../errors.ts';
import type { Principal } from '../../principal.ts';
import { clients } from '../clients/clients.ts';
import type { Invocation, Run } from '../command.ts';
import { type Candidate, candidatesFor, readTyped } from '../completion/candidates.ts';
import { scripts } from '../completion/scripts.ts';
import { allConnections } from '../connection-name.ts';
import { plain } from '../terminal/table.ts';
import { withConnections } from '../with-store.ts';

export const completion: Run = async ({ words }) => {
  const [shell = ''] = words;
  const script = Object.entries(scripts).find(([name]) => name === shell)?.[1];
  if (script === undefined) {
    throw new KeywardError('config_invalid', `There is no completion for ${plain(shell)}.`, {
      hint: `Keyward knows ${Object.keys(scripts).join(', ')}.`,
    });
  }
  process.stdout.write(script);
  return 0;
};

/** A person has pressed a key and waits: later than this nothing is offered. */
const answerWithinMs = 2_000;

/**
 * Prints what the words after `--` can go on with. It never asks anything, makes nothing, and prints nothing where something
 * is wrong: the person is in the middle of typing.
 */
export const complete: Run = async (invocation) => {
  const late = new Promise<readonly Candidate[]>((resolve) => {
    setTimeout(resolve, answerWithinMs, []).unref();
  });
  const found = await Promise.race([offered(invocation), late]).catch(() => []);
  const text = found.map(({ value, what }) => `${value}\t${plain(what)}\n`).join('');
  await new Promise((resolve) => process.stdout.write(text, resolve));
  // A store that does not answer would keep the shell waiting until it gives up.
  process.exit(0);
};

async function offered(invocation: Invocation): Promise<readonly Candidate[]> {
  const { commands, rest } = invocation;
  const typed = readTyped(commands, rest.slice(0, -1));
  // The options that are typed already say which vault is meant, and whose records.
  let usable = true;
  const config = readConfig(typed.values, process.env, null, () => {
    usable = false;
  });
  const flags = new Map([...typed.values].map(([flag, value]) => [flag.slice(2), value]));
  const found = await candidatesFor(commands, typed, rest.at(-1) ?? '', {
    clients: async () => clients.map(({ id, name }) => ({ value: id, what: name })),
    connectors: () => connectorsOf(config),
    connections: async () => (usable ? connectionsOf({ ...invocation, config, flags }) : []),
  });
  // A name that no terminal can show as it is can't be typed either.
  return found.filter(({ value }) => value !== '' && plain(value) === value);
}

async function connectorsOf({ connectorsDir }: Config): Promise<Candidate[]> {
  return (await loadCatalogue(connectorsDir)).ids().map((value) => ({ value, what: '' }));
}

/** By name, where only one has it; and by id. */
async function connectionsOf(invocation: Invocation): Promise<Candidate[]> {
  const found: Candidate[] = [];
  const quiet = { ...invocation.log, info() {}, warn() {}, error() {} };
  const look = async (broker: Broker, principal: Principal) => {
    const all = await allConnections(broker, principal);
    const names = all.map(({ name }) => name.toLowerCase());
    for (const { credentialId, name, connectorId, account } of all) {
      const only = names.filter((other) => other === name.toLowerCase()).length === 1;
      const what = [connectorId, account].filter(Boolean).join(', ');
      if (only) found.push({ value: name, what });
      found.push({ value: credentialId, what: only ? name : `${name}, ${what}` });
    }
    return 0;
  };
  await withConnections({ ...invocation, log: quiet }, 'keyward completion', look, { keepsKeys: true });
  return found;
}
