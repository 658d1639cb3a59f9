/** `keyward connect`: a person connects a service, in the browser, with a code on another device, or in the terminal. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.ts';
import { checkAttempt } from '../../broker/connect/attempts.ts';
import { createCredential } from '../../broker/connect/create.ts';
import type { StartedAttempt } from '../../broker/connect/create-input.ts';
import { getConnection } from '../../broker/credentials/manage.ts';
import { type ConnectOutcome, outcomeOf } from '../../broker/credentials/outcome.ts';
import { type Way, waysOf } from '../../broker/credentials/ways.ts';
import { fieldsOf } from '../../broker/input/fields.ts';
import { secretVariables } from '../../config/config.ts';
import { isOAuth } from '../../connectors/auth-kinds.ts';
import { KeywardError } from '../../errors.ts';
import type { Invocation, Run } from '../command.ts';
import { askFields, chooseWay } from '../connect/questions.ts';
import { findService, wayNamed } from '../connect/way.ts';
import { findConnection } from '../connection-name.ts';
import { personAt } from '../person.ts';
import { withApproval } from '../terminal/approval.ts';
import { plain, printJson } from '../terminal/table.ts';
import { findTerminal, type Terminal } from '../terminal/terminal.ts';
import { withBroker } from '../with-store.ts';

const principal = personAt('keyward connect');
/** Longest wait of one look at an attempt, in seconds. */
const lookSeconds = 50;
/** The browser asks for the page that says how it went after the attempt has ended. */
const resultPageMs = 3_000;

export const connect: Run = (invocation) =>
  withBroker(invocation, async (broker) => {
    // They are read, and the browser must not have the key to everything.
    for (const name of secretVariables(process.env)) delete process.env[name];
    const json = invocation.flags.has('json');
    const created = await begin(broker, invocation, findTerminal());
    if (created.kind === 'created') return tell(broker, created.credentialId, json);
    await tell(broker, await finishElsewhere(broker, created, invocation.flags.has('no-browser')), json);
    await delay(resultPageMs);
  });

async function begin(broker: Broker, invocation: Invocation, terminal: Terminal | null) {
  const { flags, lists } = invocation;
  const inTerminal = flags.has('no-browser');
  const { way, credentialId } = await wayOf(broker, invocation, terminal);
  const named = inputsIn(lists.get('input') ?? [], way);
  // An OAuth client is entered on the page, or with auth-config add; its flow has no other secrets.
  const secrets = inTerminal && terminal !== null && !isOAuth(way.auth);
  const again = credentialId === null ? {} : (await broker.vault.get('credential', principal, credentialId))?.inputs;
  const typed = terminal === null ? {} : await askFields(way, { ...again, ...named }, { terminal, secrets });
  const device = inTerminal && Object.hasOwn(way.form.inputSchema.properties, 'flow');
  const [name, scopes] = [flags.get('name'), flags.get('scopes')];
  const input = {
    connectorId: way.connector.id,
    authenticationType: way.form.authenticationType,
    ...(name !== undefined && { name }),
    ...(credentialId !== null && { credentialId }),
    ...(device && { flow: 'device' }),
    ...(scopes !== undefined && { scopes }),
    ...named,
    ...typed,
  };
  const obtainedBy = secrets ? 'page' : 'tool';
  return withApproval(broker, principal, () => createCredential(broker, principal, input, { obtainedBy }));
}

/** What is to be connected, and how; with `--reconnect` both are those of the connection. */
async function wayOf(broker: Broker, { flags, words }: Invocation, terminal: Terminal | null) {
  const [typed] = words;
  const again = flags.get('reconnect');
  if ((typed === undefined) === (again === undefined)) {
    throw new KeywardError('invalid_input', 'Name one service, or give --reconnect with one connection.', {
      hint: 'keyward connect github connects GitHub. docs/connectors.md lists the services.',
    });
  }
  if (again !== undefined) {
    const { credentialId, connectorId, authenticationType } = await findConnection(broker, principal, again);
    const ways = await waysOf(broker, principal, broker.catalogue.require(connectorId));
    return { way: wayNamed(ways, authenticationType), credentialId };
  }
  const ways = await waysOf(broker, principal, await findService(broker, principal, typed ?? ''));
  const type = flags.get('type');
  const way: Way = type === undefined ? await chooseWay(ways, terminal) : wayNamed(ways, type);
  return { way, credentialId: null };
}

/** `subdomain=acme` → what the connector asks for. */
function inputsIn(pairs: readonly string[], { connector, auth }: Way): Record<string, string> {
  const fields = fieldsOf(connector, auth);
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (fields.get(pair.slice(0, equals))?.property.writeOnly) {
        throw new KeywardError('invalid_input', 'A secret is no option: every user of this computer can read those.', {
          hint: 'Leave it out. Keyward asks for it on its page, or in the terminal with --no-browser.',
        });
      }
      if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)];
      throw new KeywardError('invalid_input', '--input needs a name and a value.', {
        hint: 'Write --input subdomain=acme. A secret is asked for, on the page or in the terminal.',
      });
    }),
  );
}

/** The person goes on in a browser, here or on another device; answers the id once they have finished. */
async function finishElsewhere(broker: Broker, attempt: StartedAttempt, noBrowser: boolean): Promise<string> {
  const { url, userCode, attemptId, expiresAt } = attempt;
  const opened = !noBrowser && userCode === undefined && (await broker.pages.showLocally?.(url)) === true;
  const where =
    userCode === undefined
      ? `${opened ? 'Go on in the browser window that opened, or open' : 'Open, in a browser on this computer,'} ${url}`
      : `Open ${url} on any device, and enter the code ${userCode}`;
  process.stderr.write(`${plain(where)}\n`);
  while (Date.now() < expiresAt) {
    const { status, credentialId, error } = await checkAttempt(broker, principal, {
      attemptId,
      waitSeconds: Math.min(lookSeconds, Math.ceil((expiresAt - Date.now()) / 1_000)),
    });
    if (credentialId !== undefined) return credentialId;
    if (error) throw new KeywardError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
    if (status !== 'pending') break;
  }
  throw new KeywardError('attempt_expired', 'The page was not finished in time, so nothing was connected.', {
    hint: 'Run keyward connect again.',
  });
}

async function tell(broker: Broker, connectionId: string, json: boolean): Promise<void> {
  const outcome: ConnectOutcome = await outcomeOf(broker, principal, connectionId);
  if (json) return printJson(outcome);
  const { name, connectorId } = await getConnection(broker, principal, { connectionId });
  const service = broker.catalogue.get(connectorId)?.name ?? connectorId;
  const as = outcome.account === undefined ? '' : ` as ${outcome.account}`;
  process.stdout.write(`${plain(`Connected ${service}${as}. The connection is called ${name} (${connectionId}).`)}\n`);
  if (outcome.detail !== undefined) process.stderr.write(`${plain(outcome.detail)}\n`);
}
