/** From the arguments to an exit code: 0 done, 1 failed, 2 wrong options. */
import { configProblems, readConfig } from '../config/config.ts';
import { hasCode, KeywardError, toPublic } from '../errors.ts';
import type { LogWriter } from '../log.ts';
import { version } from '../version.ts';
import { parseCommandLine } from './command-line.ts';

/** Runs what the arguments ask for. Never throws; what went wrong is on stderr. */
export async function run(argv: readonly string[], log: LogWriter): Promise<number> {
  try {
    return await runCommand(argv, log);
  } catch (error) {
    await log.flush();
    const { message, hint } = toPublic(error);
    process.stderr.write(hint === undefined ? `${message}\n` : `${message}\n${hint}\n`);
    if (!(error instanceof KeywardError)) logUnexpected(error, log);
    return hasCode(error, 'config_invalid') ? 2 : 1;
  } finally {
    await log.flush();
  }
}

async function runCommand(argv: readonly string[], log: LogWriter): Promise<number> {
  const line = parseCommandLine(argv, process.stdin.isTTY);
  if (line.wants === 'help') {
    const { helpText } = await import('./help.ts');
    process.stdout.write(helpText());
    return 0;
  }
  if (line.wants === 'version') {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const config = readEverything(line, process.env);
  const start = await line.command?.load();
  return start?.({ config, log, options: line.options, flags: line.flags, words: line.words }) ?? 2;
}

/** Problems of the command line and of the environment are one message. */
function readEverything(line: ReturnType<typeof parseCommandLine>, env: NodeJS.ProcessEnv) {
  const mode = line.command?.mode ?? null;
  if (Object.keys(line.problems).length === 0) return readConfig(line.options, env, mode);
  try {
    readConfig(line.options, env, mode);
  } catch (error) {
    if (!(error instanceof KeywardError)) throw error;
    throw configProblems({ ...line.problems, ...error.details.fields });
  }
  throw configProblems(line.problems);
}

/** Writes down an error that nobody expected. Its words pass through the log's redaction, its cause is left out. */
export function logUnexpected(error: unknown, log: LogWriter): void {
  const { name, message, stack } = error instanceof Error ? error : { name: 'unknown', message: '', stack: '' };
  log.error('unexpected', { error: name, message, stack });
}
