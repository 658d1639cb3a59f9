/** What a running server takes: memory, and a model's attention. */
import type { Figure } from './figures.ts';
import { residentMebibytes } from './processes.ts';
import { startServer } from './stdio-client.ts';
import { makeHome } from './vaults.ts';

const credentials = 1_000;
const calls = 10_000;
const atOnce = 16;

export async function serving(): Promise<Figure[]> {
  const home = await makeHome(credentials);
  const server = await startServer(['dist/main.js', 'stdio'], home.env);
  try {
    await server.call('list_credentials');
    const atStart = await residentMebibytes(server.pid);
    const { tools } = (await server.request('tools/list', {})) as { tools: Tool[] };

    let left = calls;
    const caller = async () => {
      for (; left > 0; left -= 1) {
        const connectionId = home.credentialIds[left % credentials];
        if (left % 3 === 0) await server.call('list_credentials');
        else if (left % 3 === 1) await server.call('get_connection', { connectionId });
        else await server.call('get_connection_credentials', { connectionId });
      }
    };
    await Promise.all(Array.from({ length: atOnce }, caller));
    const afterwards = await residentMebibytes(server.pid);

    const size = (value: number, name: string, from: string): Figure => ({
      name,
      value,
      unit: 'MiB',
      goal: null,
      from,
    });
    return [
      size(atStart, `memory after start, ${credentials} credentials`, 'RSS; peers start at 68 to 154 MiB'),
      size(afterwards, `memory after ${calls} calls`, 'RSS; lists, metadata and secrets in turn'),
      {
        name: 'tool list as a model reads it',
        value: tokensOf(tools),
        unit: 'tokens',
        goal: { is: '<=', than: 3_500 },
        from: `${tools.length} tools; characters / 4`,
      },
    ];
  } finally {
    await server.stop();
    await home.remove();
  }
}

type Tool = { readonly name: string; readonly description: string; readonly inputSchema: unknown };

/** Names, descriptions and input schemas. */
function tokensOf(tools: readonly Tool[]): number {
  const read = tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));
  return Math.ceil(JSON.stringify(read).length / 4);
}
