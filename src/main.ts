/**
 * The entry: command line → config → key → store → vault → broker → transport. Everything is imported after the
 * console has been taken over, so that no dependency can print on stdout, not even while it is being loaded.
 */
import { captureConsole, createLog } from './log.ts';

const log = createLog();
captureConsole(log);

const { logUnexpected, run } = await import('./cli/run.ts');

// A defect is not survived: what it left half done is unknown, and the client starts Keyward again.
process.on('uncaughtException', (error) => {
  logUnexpected(error, log);
  void log.flush().finally(() => process.exit(1));
});

process.exitCode = await run(process.argv.slice(2), log);
