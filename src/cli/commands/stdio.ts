/** `keyward stdio`: serves MCP until the client has gone or the process is told to stop. */
import { secretVariables } from '../../config/config.ts';
import { runStdio } from '../../mcp/stdio.ts';
import { takeStdout } from '../../mcp/stdout.ts';
import { version } from '../../version.ts';
import type { Run } from '../command.ts';
import { openKeyward, stopSignal } from '../keyward.ts';

/** What is still under way at the end gets this long. */
const closeWithinMs = 5_000;

/** The vault is opened first: without it there is nothing to serve, and the client shows why. */
export const serve: Run = async ({ config, log }) => {
  takeStdout(log);
  // They are read. What Keyward starts, a browser above all, inherits the environment and outlives it.
  for (const name of secretVariables(process.env)) delete process.env[name];
  const keyward = await openKeyward(config, log);
  const session = runStdio(keyward.broker, version);
  log.info('serving', { transport: 'stdio', version, vault: keyward.broker.vault.location });

  const reason = await Promise.race([session.closed.then(() => 'client gone'), stopSignal()]);
  log.info('stopping', { reason });
  setTimeout(() => process.exit(1), closeWithinMs).unref();
  await session.close();
  await keyward.close();
  process.stdin.destroy();
  return 0;
};
