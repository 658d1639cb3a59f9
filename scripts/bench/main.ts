/**
 * `npm run bench`: prints a table and writes artifacts/bench.json. Every figure is a ratio of two things measured in
 * turns in the same run, so that the machine cancels out, or a size. A goal that is missed is shown, not failed;
 *  the exit code is 1 when something could not be measured. Runs bundled (see bundle.ts), in the repository's folder.
 */
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { activity } from './activity.ts';
import { catalogueSize } from './catalogue-size.ts';
import { coldStart } from './cold-start.ts';
import { type Figure, met, table } from './figures.ts';
import { gateway } from './gateway.ts';
import { mcpServers } from './mcp-servers.ts';
import { neighbours } from './neighbours.ts';
import { overHttp } from './over-http.ts';
import { postgres } from './postgres.ts';
import { reading } from './reading.ts';
import { serving } from './serving.ts';
import { manyAssistants, signingIn } from './signing-in.ts';
import { writing } from './writing.ts';

const groups = {
  'cold-start': coldStart,
  'catalogue-size': catalogueSize,
  reading,
  activity,
  writing,
  serving,
  http: async () => [...(await overHttp()), ...(await signingIn())],
  postgres: async () => [...(await postgres()), ...(await manyAssistants())],
  gateway,
  'mcp-servers': mcpServers,
  neighbours,
};

/** Words pick groups; without any, all of them run. */
const { positionals } = parseArgs({ allowPositionals: true });
const figures: Figure[] = [];
for (const [name, measure] of Object.entries(groups)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  process.stderr.write(`measuring ${name} …\n`);
  try {
    figures.push(...(await measure()));
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`${name} could not be measured: ${error instanceof Error ? error.message : 'no reason'}\n`);
  }
}

const machine = { node: process.version, platform: process.platform, cpus: cpus().length };
const report = { machine, figures: figures.map((figure) => ({ ...figure, met: met(figure) })) };
await writeFile('artifacts/bench.json', `${JSON.stringify(report, null, 2)}\n`);
process.stdout.write(`${table(figures)}\n`);
