/** What a person sees who types `keyward`: how to connect a client, and where everything is. */
import { allOf } from '../../broker/input/paging.ts';
import { type Config, connectorVariable, secretVariables } from '../../config/config.ts';
import { builtinIds } from '../../connectors/builtin.ts';
import { type Catalogue, loadCatalogue } from '../../connectors/catalogue.ts';
import { toPublic } from '../../errors.ts';
import { localPrincipal } from '../../principal.ts';
import { openVault } from '../../vault/open.ts';
import type { Credential } from '../../vault/vault.ts';
import { version } from '../../version.ts';
import { clientFiles, type FoundClient, thisSystem } from '../clients/clients.ts';
import { readConfig } from '../clients/config-file.ts';
import { hasKeyward } from '../clients/plan.ts';
import { clientTexts, launchOf, proxyText, serverLines, thisProcess } from '../clients/texts.ts';
import type { Invocation, Run } from '../command.ts';
import { keySource } from '../key-source.ts';
import { exists, matchAuthConfigs, openConfiguredStore } from '../keyward.ts';
import { isMcpServer } from '../mcp-servers.ts';
import { table } from '../terminal/table.ts';

/** Prints the page. Makes nothing: neither a vault nor a key. Fails when there is a vault that does not open. */
export const showStatus: Run = async ({ config, options }) => {
  const catalogue = await loadCatalogue(config.connectorsDir);
  const vault = await vaultState(config, catalogue);
  const rows = [
    ['Vault', config.store.kind === 'file' ? `${config.store.path} (${vault.text})` : vault.text],
    ['Key', await keySource(config).catch(() => 'not told by the vault')],
    ['Connectors', connectorsText(config, catalogue)],
    ...catalogue.problems.map(({ file, field, rule }) => [
      '',
      [file, field, rule].filter((part) => part !== '').join(': '),
    ]),
    ...authConfigRows(config, catalogue),
    ['Callback', `${config.publicUrl ?? `http://${config.host}:${config.port}`}/oauth/callback`],
    ...(config.proxy === null ? [] : [['Proxy', outboundText(config.proxy)]]),
    ['Raw secrets', releaseWords[config.release]],
    ...(await clientRows()),
  ];
  // Their values are not printed, and a client's config has to set them too.
  const secrets = secretVariables(process.env);
  const page = [
    `Keyward ${version} keeps credentials for AI assistants. An MCP client starts it; tell yours with one of these:`,
    '',
    ...clientTexts(launchOf(thisProcess(options))).flatMap(({ client, text }) => [
      `${client}:`,
      text.replace(/^/gm, '  '),
      '',
    ]),
    ...serverPart(vault.servers, config, options),
    ...(secrets.length > 0 ? [`Set ${secrets.join(', ')} there too: secrets are not printed here.`, ''] : []),
    table(rows),
    'keyward --help lists every command and option.',
    '',
  ];
  process.stdout.write(page.join('\n'));
  return vault.opens ? 0 : 1;
};

/** Without the user name and the password that its URL may hold. */
function outboundText({ url, except }: NonNullable<Config['proxy']>): string {
  const without = except.length === 0 ? '' : `; without it: ${except.join(', ')}`;
  return `${new URL(url).host} (HTTPS_PROXY), which resolves the names of services${without}`;
}

/** Most MCP servers whose lines are printed; keyward mcp has them all. */
const mostServers = 10;

/** How a client reaches the MCP servers that are connected. */
function serverPart(
  all: VaultState['servers'],
  { host, port, publicUrl }: Config,
  options: Invocation['options'],
): string[] {
  const servers = all.slice(0, mostServers).map(({ id, name }) => ({ name, credentialId: id }));
  if (servers.length === 0) return [];
  const lines = serverLines(thisProcess(options), servers);
  return [
    'A client starts the MCP servers that you connected with these lines; keyward setup --mcp <connection> writes one into its file:',
    ...lines.map((line) => `  ${line}`),
    ...(all.length > servers.length ? [`  and ${all.length - servers.length} more, which keyward mcp lists`] : []),
    '',
    'With keyward http it reaches those of the token’s user by id, name or connector, such as:',
    `  ${proxyText(publicUrl ?? `http://${host}:${port}`, servers[0]?.credentialId ?? '')}`,
    '',
  ];
}

type VaultState = {
  readonly opens: boolean;
  readonly text: string;
  /** Connections that are MCP servers. */
  readonly servers: readonly Credential[];
};

async function vaultState(config: Config, catalogue: Catalogue): Promise<VaultState> {
  // Opening one would make its tables, which is more than showing something.
  if (config.store.kind === 'postgres') return { opens: true, text: 'in PostgreSQL', servers: [] };
  if (!(await exists(config.store.path))) {
    return { opens: true, text: 'made when a client starts Keyward for the first time', servers: [] };
  }
  try {
    const all = await allCredentials(config);
    const text = `${all.length === 1 ? '1 credential' : `${all.length} credentials`} over stdio`;
    return { opens: true, text, servers: all.filter((one) => isMcpServer({ catalogue }, one)) };
  } catch (error) {
    const { message, hint } = toPublic(error);
    return { opens: false, text: `does not open: ${[message, hint].join(' ').trim()}`, servers: [] };
  }
}

async function allCredentials(config: Config): Promise<Credential[]> {
  const vault = await openVault(await openConfiguredStore(config));
  try {
    return await allOf((page) => vault.list('credential', localPrincipal, {}, page));
  } finally {
    await vault.close();
  }
}

function connectorsText(config: Config, catalogue: Catalogue): string {
  const builtin = builtinIds().size;
  const own = catalogue.ids().length - builtin;
  const problems = new Set(catalogue.problems.map(({ file }) => file)).size;
  const unusable = problems === 0 ? '' : `; ${problems} that can not be used:`;
  return `${builtin} built in, ${own} of your own in ${config.connectorsDir}${unusable}`;
}

/** The MCP clients on this computer. */
async function clientRows(): Promise<string[][]> {
  const found = await clientFiles(thisSystem());
  return Promise.all(found.map(async (one) => ['Client', `${one.client.name}: ${await clientState(one)}`]));
}

async function clientState(found: FoundClient): Promise<string> {
  try {
    if (await hasKeyward(await readConfig(found))) return 'has Keyward';
    return `does not have Keyward yet; keyward setup ${found.client.id} adds it`;
  } catch (error) {
    return toPublic(error).message;
  }
}

function authConfigRows(config: Config, catalogue: Catalogue): string[][] {
  const { found, families, unknown } = matchAuthConfigs(config, catalogue);
  const from = (name: string) => `from KEYWARD_AUTH_${connectorVariable(name)}_CLIENT_ID`;
  return [
    ...[...found.keys()].map((id) => ['OAuth client', `${id}, ${from(id)}`]),
    ...[...families.keys()].map((name) => ['OAuth client', `all services of ${name}, ${from(name)}`]),
    ...unknown.map((name) => [
      'OAuth client',
      `KEYWARD_AUTH_${name}_CLIENT_ID fits no connector or family, or more than one`,
    ]),
  ];
}

const releaseWords = {
  approve: 'handed out when you approve it, in the browser or with keyward approvals',
  allow: 'handed out when the assistant asks',
  never: 'never handed out',
} as const;
