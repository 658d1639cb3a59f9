/** What Keyward needs of this computer: the port of callbacks, a keychain, a browser, the right time. */
import { randomBytes } from 'node:crypto';
import type { Broker } from '../../broker/broker.ts';
import type { ConnectionView } from '../../broker/credentials/view.ts';
import type { Config } from '../../config/config.ts';
import { hasCode } from '../../errors.ts';
import { isLoopback } from '../../hosts.ts';
import { createEgress } from '../../net/open-egress.ts';
import { describeVault, keychainAnswers } from '../../store/open.ts';
import { type Check, type Finding, ok, unknown, wrong } from './finding.ts';

/** A token's last minutes and a signature's few depend on the clock; less than this harms nothing. */
const mostSecondsOff = 60;
/** So many services are asked for the time before it is given up. */
const mostAsked = 3;
const askWithinMs = 10_000;

/** @param broker null where the vault does not open; `there`: whether there is one */
export function computerChecks(
  config: Config,
  env: NodeJS.ProcessEnv,
  broker: Broker | null,
  there: boolean,
): readonly Check[] {
  return [
    { name: 'callback port', look: () => portFindings(config, broker, there) },
    { name: 'keychain', look: () => keychainFindings(config) },
    { name: 'browser', look: () => browserFindings(env) },
  ];
}

async function portFindings(config: Config, broker: Broker | null, there: boolean): Promise<Finding[]> {
  const { host, port, publicUrl } = config;
  const name = 'callback port';
  if (!isLoopback(host)) return [unknown(name, `${host}:${port} is where keyward http listens`)];
  const { tryCallbackPort } = await import('../../http/loopback/loopback-server.ts');
  // Without an open vault nobody can answer the challenge of whoever has the port.
  const nobody = randomBytes(32).toString('hex');
  const proof = async (purpose: string, message: string) => {
    await broker?.vault.refreshKeys();
    return broker?.vault.proof(purpose, message) ?? nobody;
  };
  const egressTo = (place: string) => createEgress({ allow: [place] });
  try {
    await tryCallbackPort({ host, port, publicUrl, egressTo }, proof);
    return [ok(name, `${port} is free, or held by a Keyward of this vault`)];
  } catch (error) {
    if (!hasCode(error, 'port_in_use', 'config_invalid')) throw error;
    if (there && broker === null && error.code === 'port_in_use') {
      return [unknown(name, `${port} is taken; by whom can be told once the vault opens`)];
    }
    return [wrong(name, error.message, error.hint ?? '')];
  }
}

/** A vault that does not keep its key there has no need of one. */
async function keychainFindings({ store, key }: Config): Promise<Finding[]> {
  const name = 'keychain';
  if (await keychainAnswers()) return [ok(name, 'the keychain of this computer answers')];
  const vault = store.kind === 'file' ? await describeVault(store.path).catch(() => null) : null;
  const needed = vault?.outer.source === 'keychain' && Object.keys(key).length === 0;
  const text = 'the keychain of this computer does not answer';
  if (!needed) return [ok(name, `${text}; this vault does without it`)];
  return [
    wrong(name, `${text}, and has the outer key`, 'Sign in to the desktop of this computer and unlock it there.'),
  ];
}

async function browserFindings(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const { hasBrowser } = await import('../../http/loopback/browser.ts');
  if (hasBrowser(process.platform, env)) return [ok('browser', 'pages can be opened in a browser')];
  const text = 'no page can be opened here: DISPLAY and WAYLAND_DISPLAY are not set';
  const mend = 'Answer requests in a terminal: keyward approvals. Connect with: keyward connect --no-browser';
  return [unknown('browser', text, mend)];
}

/** Compares the clock with the `Date` (RFC 9110 §6.6.1) of services that connections use. */
export function clockCheck(broker: Broker, connections: readonly ConnectionView[]): Check {
  return { name: 'clock', look: () => clockFindings(broker, connections) };
}

async function clockFindings({ egress }: Broker, connections: readonly ConnectionView[]): Promise<Finding[]> {
  const origins = new Set(connections.flatMap(({ baseUrl }) => (baseUrl === undefined ? [] : new URL(baseUrl).origin)));
  if (origins.size === 0) return [unknown('clock', 'not compared: no connection has a service that tells the time')];
  for (const origin of [...origins].slice(0, mostAsked)) {
    const url = new URL('/', origin);
    const before = Date.now();
    const asked = { url, method: 'HEAD', hosts: [url.host], timeoutMs: askWithinMs };
    const told = await egress.request(asked).then(
      ({ headers }) => Date.parse(headers.get('date') ?? ''),
      () => Number.NaN,
    );
    if (Number.isNaN(told)) continue;
    const off = Math.round((before + Date.now()) / 2_000 - told / 1_000);
    if (Math.abs(off) <= mostSecondsOff) return [ok('clock', `differs by ${Math.abs(off)} s from that of ${url.host}`)];
    const way = off > 0 ? 'ahead of' : 'behind';
    return [
      wrong('clock', `${Math.abs(off)} s ${way} that of ${url.host}`, setClock[process.platform] ?? setClock.linux),
    ];
  }
  return [unknown('clock', `not compared: ${[...origins].slice(0, mostAsked).join(', ')} can not be reached`)];
}

const setClock: Readonly<Partial<Record<NodeJS.Platform, string>>> & { readonly linux: string } = {
  linux: 'sudo timedatectl set-ntp true',
  darwin: 'sudo sntp -sS time.apple.com',
  win32: 'w32tm /resync',
};
