/**
 * What a command line leads to: command line → config → key → store → vault → broker → transport. What a command needs
 * is imported after the console has been taken over, so that no dependency can print on stdout, not even while it is
 * being loaded.
 */

import { configProblems, readConfig } from '../config/config.ts';
import { hasCode, KeywardError, toPublic } from '../errors.ts';
import { captureConsole, createLog, type LogWriter, withoutInfo } from '../log.ts';
import { version } from '../version.ts';
import { parseCommandLine } from './command-line.ts';
import { commands } from './commands.ts';
import { commandHelp, helpText } from './help.ts';
import { plain } from './terminal/table.ts';

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

/**
 * Runs what the arguments ask for. Answers the exit code: 0 done, 1 failed, 2 wrong options. Never throws: what went wrong
 * is on stderr.
 */
async function run(argv: readonly string[], log: LogWriter): Promise<number> {
  try {
    return await runCommand(argv, log);
  } catch (error) {
    await log.flush();
    const { message, hint } = toPublic(error);
    const lines = [message, hint].flatMap((text) => text?.split('\n') ?? []);
    process.stderr.write(`${lines.map(plain).join('\n')}\n`);
    if (!(error instanceof KeywardError)) logUnexpected(error, log);
    return hasCode(error, 'config_invalid') ? 2 : 1;
  } finally {
    await log.flush();
  }
}

async function runCommand(argv: readonly string[], log: LogWriter): Promise<number> {
  const line = parseCommandLine(argv, process.stdin.isTTY);
  if (line.wants === 'help' || line.wants === 'command help') {
    process.stdout.write(line.command && line.wants === 'command help' ? commandHelp(line.command) : helpText());
    return 0;
  }
  if (line.wants === 'version') {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const read = readEverything(line, process.env);
  const start = await line.command?.load();
  if (line.command?.mode === undefined) endWithReader();
  // Only what serves has somebody who reads what happens.
  const heard = line.command?.mode === undefined ? withoutInfo(log) : log;
  return start?.({ ...line, ...read, commands, log: heard }) ?? 2;
}

/** Problems of the command line and of the environment are one message, but for a command that is about the latter. */
function readEverything(line: ReturnType<typeof parseCommandLine>, env: NodeJS.ProcessEnv) {
  let problems: Readonly<Record<string, string>> = {};
  const config = readConfig(line.options, env, line.command?.mode ?? null, (found) => {
    problems = found;
  });
  const fatal = { ...line.problems, ...(line.command?.anyConfig ? {} : problems) };
  if (Object.keys(fatal).length > 0) throw configProblems({ ...line.problems, ...problems });
  return { config, problems };
}

/** What a shell says of a program that SIGPIPE ended, which Node ignores: 128 and the number of the signal. */
const nobodyReads = 141;

/** Ends a command whose output nobody reads any more, as in `keyward list | head -1`. `run` sees to its own. */
function endWithReader(): void {
  const { stdout } = process;
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (stdout.listenerCount('error') === 1) process.exit(nobodyReads);
  });
}

/** Writes down an error that nobody expected. Its words pass through the log's redaction, its cause is left out. */
function logUnexpected(error: unknown, log: LogWriter): void {
  const { name, message, stack } = error instanceof Error ? error : { name: 'unknown', message: '', stack: '' };
  log.error('unexpected', { error: name, message, stack });
}
