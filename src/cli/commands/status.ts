/** What a person sees who types `keyward`: how to connect a client, and where everything is. */
import { allOf } from '../../broker/input/paging.ts';
import { type Config, connectorVariable, secretVariables } from '../../config/config.ts';
import { builtinIds } from '../../connectors/builtin.ts';
import { type Catalogue, loadCatalogue } from '../../connectors/catalogue.ts';
import { toPublic } from '../../errors.ts';
import { localPrincipal } from '../../principal.ts';
import { openVault } from '../../vault/open.ts';
import { version } from '../../version.ts';
import { clientFiles, type FoundClient, thisSystem } from '../clients/clients.ts';
import { readConfig } from '../clients/config-file.ts';
import { hasKeyward } from '../clients/plan.ts';
import { clientTexts, launchOf, thisProcess } from '../clients/texts.ts';
import type { Run } from '../command.ts';
import { keySource } from '../key-source.ts';
import { exists, matchAuthConfigs, openConfiguredStore } from '../keyward.ts';
import { table } from '../terminal/table.ts';

/** Prints the page. Makes nothing: neither a vault nor a key. Fails when there is a vault that does not open. */
export const showStatus: Run = async ({ config, options }) => {
  const catalogue = await loadCatalogue(config.connectorsDir);
  const vault = await vaultState(config);
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
    ...(config.proxy === null ? [] : [['Proxy', proxyText(config.proxy)]]),
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
    ...(secrets.length > 0 ? [`Set ${secrets.join(', ')} there too: secrets are not printed here.`, ''] : []),
    table(rows),
    'keyward --help lists every command and option.',
    '',
  ];
  process.stdout.write(page.join('\n'));
  return vault.opens ? 0 : 1;
};

/** Without the user name and the password that its URL may hold. */
function proxyText({ url, except }: NonNullable<Config['proxy']>): string {
  const without = except.length === 0 ? '' : `; without it: ${except.join(', ')}`;
  return `${new URL(url).host} (HTTPS_PROXY), which resolves the names of services${without}`;
}

type VaultState = { readonly opens: boolean; readonly text: string };

async function vaultState(config: Config): Promise<VaultState> {
  // Opening one would make its tables, which is more than showing something.
  if (config.store.kind === 'postgres') return { opens: true, text: 'in PostgreSQL' };
  if (!(await exists(config.store.path))) {
    return { opens: true, text: 'made when a client starts Keyward for the first time' };
  }
  try {
    const count = await countCredentials(config);
    return { opens: true, text: `${count === 1 ? '1 credential' : `${count} credentials`} over stdio` };
  } catch (error) {
    const { message, hint } = toPublic(error);
    return { opens: false, text: `does not open: ${[message, hint].join(' ').trim()}` };
  }
}

async function countCredentials(config: Config): Promise<number> {
  const vault = await openVault(await openConfiguredStore(config));
  try {
    return (await allOf((page) => vault.list('credential', localPrincipal, {}, page))).length;
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
  const { found, unknown } = matchAuthConfigs(config, catalogue);
  return [
    ...[...found.keys()].map((id) => ['OAuth client', `${id}, from KEYWARD_AUTH_${connectorVariable(id)}_CLIENT_ID`]),
    ...unknown.map((name) => ['OAuth client', `KEYWARD_AUTH_${name}_CLIENT_ID fits no connector, or more than one`]),
  ];
}

const releaseWords = {
  approve: 'handed out when you approve it, in the browser or with keyward approvals',
  allow: 'handed out when the assistant asks',
  never: 'never handed out',
} as const;
