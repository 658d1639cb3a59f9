/**
 * `npm run test:clients`: real MCP clients, which npm fetches, go from the address of Keyward to a tool call, with nothing but
 * Keyward to sign in at. Prints a transcript of each and fails at the first that does not get there. Words pick clients.
 */
import { parseArgs } from 'node:util';
import { claudeCode } from './claude-code.ts';
import { openStage } from './stage.ts';

const clients = { 'claude-code': claudeCode };

const { positionals } = parseArgs({ allowPositionals: true });
const stage = await openStage();
try {
  for (const [name, run] of Object.entries(clients)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    await run(stage);
    stage.say('');
  }
} finally {
  await stage.close();
}
