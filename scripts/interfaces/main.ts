/**
 * `npm run test:interfaces`: the interfaces that Keyward serves, as strangers' programs see them. Linters read
 * /openapi.json, and Prism stands between a program and the built Keyward, with the documents of the systems whose
 * interfaces these are: every documented status, and every connector's metadata and samples.
 */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKeywardHttp } from '../../test/support/servers/keyward-http.ts';
import { startWorld } from '../../test/support/world.ts';
import { definitions } from '../bundling.ts';
import { fetchTools } from '../fetch-tool.ts';
import { askForEveryConnector } from './catalogue.ts';
import { startProxies } from './documents.ts';
import { lint, linters } from './lint.ts';
import { type Document, prism } from './prism.ts';
import { createReport } from './report.ts';
import { provokeStatuses } from './statuses.ts';

const report = createReport((line) => void process.stdout.write(`${line}\n`));
const endings: (() => Promise<unknown>)[] = [];
try {
  await check();
} finally {
  for (const end of endings.reverse()) await end();
}
process.exitCode = report.end() ? 0 : 1;

async function check(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'keyward-interfaces-'));
  endings.push(() => rm(folder, { recursive: true, force: true }));
  const tools = await fetchTools(prism, ...linters);
  endings.push(tools.stop);
  const world = await startWorld();
  endings.push(world.close);
  const keyward = await startKeywardHttp({
    ...world.env,
    // Samples name hosts that nobody has, and where a person comes back to.
    KEYWARD_ANY_HOST: 'allow',
    KEYWARD_REDIRECT_URIS: 'https://example.com',
    KEYWARD_RATE_LIMIT: '1000000',
    // Some services take no other address to come back to.
    KEYWARD_PUBLIC_URL: 'https://keyward.example',
  });
  endings.push(keyward.stop);
  const upstream = `http://127.0.0.1:${keyward.env.KEYWARD_PORT}`;

  const document = (await (await fetch(`${upstream}/openapi.json`)).json()) as Document;
  const file = join(folder, 'openapi.json');
  await writeFile(file, JSON.stringify(document));
  const all = ['read', 'write', 'use', 'release', 'share'].map((scope) => `credentials:${scope}`);
  const [ann, bob, backend, proxies] = await Promise.all([
    keyward.sessionToken('ann', { scopes: all }),
    keyward.sessionToken('bob', { scopes: all }),
    keyward.sessionToken('backend', { scopes: [...all, 'credentials:act-as'] }),
    startProxies(tools, { folder, upstream, own: document }),
    lint(tools, file, report),
  ]);
  await provokeStatuses(proxies, { ann, bob, backend }, report);
  const count = await askForEveryConnector(proxies, backend, report);
  const { length } = (await readdir(definitions)).filter((name) => name.endsWith('.json'));
  report.add(`${count} connectors were asked for`, count === length ? [] : [`there are ${length}`]);
}
