/**
 * manifest.json (the bundle for Claude Desktop) and server.json (the MCP registry) at the top of the repository. What they share
 * with package.json and with the server itself is filled in here, so that it stands in one place.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import about from '../package.json' with { type: 'json' };
import { listedTools } from '../src/mcp/tools/index.ts';

type Json = Readonly<Record<string, unknown>>;

const root = join(import.meta.dirname, '..');

/** `https://github.com/owner/name` of the repository. */
const repository = about.repository.url.replace(/^git\+/, '').replace(/\.git$/, '');

const read = async (name: string) => JSON.parse(await readFile(join(root, name), 'utf8')) as Json;

/** manifest.json as it has to be: https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md. */
export async function desktopManifest(): Promise<Json> {
  return {
    ...(await read('manifest.json')),
    name: about.name,
    version: about.version,
    author: { name: about.author },
    repository: { type: 'git', url: `${repository}.git` },
    support: about.bugs,
    // Claude's directory asks for it of every extension that reaches services.
    privacy_policies: [`${repository}/blob/main/PRIVACY.md`],
    tools: listedTools().map(({ name, description }) => ({ name, description })),
  };
}

/** server.json as it has to be: https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json. */
export async function registryManifest(): Promise<Json> {
  const manifest = await read('server.json');
  const [npm] = manifest.packages as readonly [Json];
  return {
    ...manifest,
    name: about.mcpName,
    version: about.version,
    repository: { url: repository, source: 'github' },
    packages: [{ ...npm, identifier: about.name, version: about.version }],
  };
}
