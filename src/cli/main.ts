/**
 * The entry: command line → config → key → store → vault → broker → transport. What a command needs is imported after
 * the console has been taken over, so that no dependency can print on stdout, not even while it is being loaded.
 */
import { logUnexpected, run } from './cli/run.ts';
import { captureConsole, createLog } from './log.ts';

// Node opens its inspector at this signal, on a port of loopback at which every user of this computer reads the memory of
// this one. A listener of our own is all that keeps it from that (Node 20.19 has no --disable-sigusr1).
process.on('SIGUSR1', () => {});

const log = createLog();
captureConsole(log);

// A defect is not survived: what it left half done is unknown, and the client starts Keyward again.
process.on('uncaughtException', (error) => {
  logUnexpected(error, log);
  void log.flush().finally(() => process.exit(1));
});

process.exitCode = await run(process.argv.slice(2), log);
