/** Connector files, what is connected, and the OAuth clients that it was connected with. */
import { closestMatch } from 'leven';
import type { Broker } from '../../broker/broker.ts';
import { verifyCredential } from '../../broker/credentials/verify.ts';
import type { ConnectionView } from '../../broker/credentials/view.ts';
import { type ClientCheck, clientChecks } from '../../broker/grants/client-check.ts';
import { readDocument, servesDocuments } from '../../broker/grants/client-document.ts';
import { type Config, connectorVariable } from '../../config/config.ts';
import { loadCatalogue } from '../../connectors/catalogue.ts';
import { familyNames } from '../../connectors/families.ts';
import { inParallel } from '../../in-parallel.ts';
import type { Principal } from '../../principal.ts';
import { matchAuthConfigs } from '../keyward.ts';
import { withProgress } from '../terminal/progress.ts';
import { type Check, type Finding, failed, ok, unknown, wrong } from './finding.ts';

/** Services that are asked at a time. */
const atOnce = 4;

export function connectorCheck(config: Config): Check {
  return { name: 'connector files', look: () => connectorFindings(config) };
}

async function connectorFindings(config: Config): Promise<Finding[]> {
  const name = 'connector files';
  const catalogue = await loadCatalogue(config.connectorsDir);
  const found = catalogue.problems.map(({ file, field, rule }) => {
    const text = [file, field, rule].filter((part) => part !== '').join(': ');
    return wrong(name, text, `Correct ${file}; the connector works from the next start on.`);
  });
  const { unknown: clients } = matchAuthConfigs(config, catalogue);
  const misnamed = clients.map((client) => {
    const nearest = closestMatch(client, [...catalogue.ids(), ...familyNames].map(connectorVariable));
    const text = `KEYWARD_AUTH_${client}_CLIENT_ID fits no connector or family, or more than one`;
    return wrong('options', text, `Name it after one connector, such as KEYWARD_AUTH_${nearest}_CLIENT_ID.`);
  });
  if (found.length + misnamed.length > 0) return [...found, ...misnamed];
  const own = catalogue.ids().filter((id) => catalogue.isCustom(id)).length;
  return [ok(name, own === 0 ? `none of your own in ${config.connectorsDir}` : `${own} of your own can be used`)];
}

/** What is done with every connection that the principal may use, and with every OAuth client. */
export function connectionChecks(
  broker: Broker,
  principal: Principal,
  connections: readonly ConnectionView[],
): readonly Check[] {
  return [
    { name: 'connections', look: () => connectionFindings(broker, principal, connections) },
    { name: 'OAuth clients', look: () => clientFindings(broker, principal) },
    { name: 'client document', look: () => documentFindings(broker) },
  ];
}

async function connectionFindings(
  broker: Broker,
  principal: Principal,
  connections: readonly ConnectionView[],
): Promise<Finding[]> {
  const usable = connections.filter(({ access }) => access !== 'view');
  if (usable.length === 0) return [ok('connections', 'there is none yet')];
  const check = (one: ConnectionView) => verified(broker, principal, one).catch((error) => failed('connection', error));
  return withProgress('Verifying', (step) => inParallel(usable, atOnce, check, (done) => step(done, usable.length)));
}

async function verified(broker: Broker, principal: Principal, connection: ConnectionView): Promise<Finding> {
  const { credentialId, name, connectorId } = connection;
  const label = `${name} (${connectorId})`;
  const { status, account, detail } = await verifyCredential(broker, principal, { credentialId });
  if (status === 'reconnect_required') {
    return wrong('connection', `${label}: ${detail ?? ''}`, `keyward connect --reconnect ${credentialId}`);
  }
  if (detail?.startsWith('Not checked:')) return unknown('connection', `${label}: ${detail}`);
  return ok('connection', `${label} works${account === undefined ? '' : `, as ${account}`}`);
}

async function clientFindings(broker: Broker, principal: Principal): Promise<Finding[]> {
  const checks = await clientChecks(broker, principal);
  const found = await inParallel(checks, atOnce, (check) =>
    check().then(
      (one) => (one === null ? [] : [clientFinding(one)]),
      (error) => [failed('OAuth client', error)],
    ),
  );
  return found.flat();
}

/** What servers read that know a client by the address of its document. */
async function documentFindings(broker: Broker): Promise<Finding[]> {
  const name = 'client document';
  const { clientMetadataUrl: address } = broker.settings;
  if (servesDocuments(broker)) return [ok(name, `served below ${broker.pages.callbackOrigin}/oauth/client/`)];
  if (address === null) return [ok(name, 'none; Keyward registers itself where a server lets it')];
  const { problems } = await readDocument(broker, address);
  const mend = `Put there what this prints: keyward client-metadata --url ${address}`;
  if (problems.length === 0) return [ok(name, `${address} is right`)];
  return problems.map((problem) => wrong(name, `${address} ${problem}`, mend));
}

/** The redirect URI is told in any case: at most services only a person can look whether it is there. */
function clientFinding({ connectorId, clientId, redirectUri, registeredAt, known }: ClientCheck): Finding {
  const name = 'OAuth client';
  const client = `${connectorId}, ${clientId}`;
  const register = `Register exactly this redirect URI for it at ${registeredAt}: ${redirectUri}`;
  if (known === 'ended') {
    const text = `${client}: the service no longer knows Keyward's registration`;
    return wrong(name, text, `Keyward registers anew with the next: keyward connect ${connectorId}`);
  }
  if (known === null) return unknown(name, `${client}: the service does not show what is registered`, register);
  if (known) return ok(name, `${client}: the service knows the redirect URI ${redirectUri}`);
  return wrong(name, `${client}: the service refuses this client or its redirect URI`, register);
}
