/**
 * `npm run test:clients`: real MCP clients, which npm fetches, go from the address of Keyward to a tool call, with nothing but
 * Keyward to sign in at. Prints a transcript of each and fails at the first that does not get there. Words pick clients.
 */
import { parseArgs } from 'node:util';
import { claudeAiLike } from './claude-ai.ts';
import { claudeCode } from './claude-code.ts';
import { everything } from './everything.ts';
import { inspector } from './inspector.ts';
import { mcpRemote } from './mcp-remote.ts';
import { sdk } from './sdk.ts';
import { openStage } from './stage.ts';

const clients = {
  'claude-code': claudeCode,
  'mcp-remote': mcpRemote,
  inspector,
  'claude-ai': claudeAiLike,
  sdk,
  everything,
};

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
