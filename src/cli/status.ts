/** What a person sees who types `keyward`: how to connect a client, and where everything is. */
import { version } from '../version.ts';
import { clientTexts, launchOf } from './clients.ts';
import type { Run } from './commands.ts';

/** Prints the page. Makes nothing: neither a vault nor a key. */
export const showStatus: Run = async ({ config }) => {
  const launch = launchOf(process.execPath, process.argv[1] ?? 'keyward', process.env);
  const clients = clientTexts(launch).flatMap(({ client, text }) => [`${client}:`, indent(text), '']);
  process.stdout.write(
    [
      `Keyward ${version} keeps credentials for AI assistants. An MCP client starts it; tell yours with one of these:`,
      '',
      ...clients,
      `Vault        ${config.store.path}`,
      `Connectors   ${config.connectorsDir}`,
      '',
      'keyward --help lists every command and option.',
      '',
    ].join('\n'),
  );
  return 0;
};

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
