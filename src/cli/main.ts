/**
 * What a command line leads to: command line → config → key → store → vault → broker → transport. What a command needs
 * is imported after the console has been taken over, so that no dependency can print on stdout, not even while it is
 * being loaded.
 */

import { captureConsole, createLog } from '../log.ts';
import { logUnexpected, run } from './run.ts';

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

// Not awaited: commands load chunks that wait until this one is evaluated.
void run(process.argv.slice(2), log).then((code) => {
  process.exitCode = code;
});
