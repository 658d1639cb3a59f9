/**
 * Diagnostics: JSON lines on stderr. Stdout belongs to MCP. A line holds an event name and plain facts; secrets are
 * kept out by never passing them, and once more by name and by shape here.
 */
import { Console } from 'node:console';
import { Writable } from 'node:stream';
import type { Logger } from 'pino';

/** Facts of one event. Only flat, plain values: an object could carry a secret along. */
export type Facts = Readonly<Record<string, string | number | boolean | null | undefined>>;

export type Log = {
  info(event: string, facts?: Facts): void;
  warn(event: string, facts?: Facts): void;
  error(event: string, facts?: Facts): void;
};

/** A log whose lines go where this one's go, and hold these facts too. */
export function logWith(log: Log, more: Facts): Log {
  const write = (level: keyof Log) => (event: string, facts?: Facts) => log[level](event, { ...more, ...facts });
  return { info: write('info'), warn: write('warn'), error: write('error') };
}

/** A log that owns the way out. */
export type LogWriter = Log & {
  /** Resolves when every line so far is on stderr. */
  flush(): Promise<void>;
};

/** The same log for a person who watches: without the lines that only say that all is well. */
export function withoutInfo(log: LogWriter): LogWriter {
  return { ...log, info: () => {} };
}

const hidden = '[redacted]';

const secretName =
  /secret|password|passphrase|credentials?$|token$|authorization$|cookie|(^|[a-z_-])key$|assertion|verifier|^state$|(user|device|authorization|auth)[_-]?code$/i;

/** Shapes of secrets, wherever they stand in a text. What stays readable is put back by the replacement. */
const secretShapes: readonly (readonly [RegExp, string])[] = [
  [/\b(bearer|basic|dpop)\s+[\w.~+/=-]{8,}/gi, `$1 ${hidden}`],
  [/\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?/g, hidden],
  [/(:\/\/)[^/\s@]+@/g, `$1${hidden}@`],
  [
    /([?&#](?:code|state|token|access_token|refresh_token|id_token|client_secret|password|key|api_key|apikey|sig|signature)=)[^&#\s"']+/gi,
    `$1${hidden}`,
  ],
  // Prefixes that services give their secrets so that scanners find them.
  [
    /\b(?:gh[oprsu]_|github_pat_|glpat-|xox[a-z]-|xapp-|sk-|[rs]k_(?:live|test)_|whsec_|shp[a-z]{2}_|ntn_|secret_|lin_(?:api|oauth)_|pat[\w-]{3}|ya29\.|AIza|kw_)[\w.-]{8,}/g,
    hidden,
  ],
  // Anything long that mixes capitals, small letters and digits is random; ids and hashes here are lower case.
  [/(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{32,}/g, hidden],
];

/** The text with everything that looks like a secret taken out. Best effort; the rule is not to pass one. */
export function redactText(text: string): string {
  return secretShapes.reduce((rest, [shape, replacement]) => rest.replace(shape, replacement), text);
}

function redact(facts: Facts): Facts {
  const shown: Record<string, Facts[string]> = {};
  for (const [name, value] of Object.entries(facts)) {
    const secret = value !== null && value !== undefined && secretName.test(name);
    shown[name] = secret ? hidden : typeof value === 'string' ? redactText(value) : value;
  }
  return shown;
}

/**
 * A log on stderr. Lines are written in order. The library behind it is loaded a moment after the first line, so that
 * it never delays the first answer to a client.
 */
export function createLog(): LogWriter {
  const opening = startSoon(openStderr);
  let last: Promise<Opened> | undefined;
  const write = (level: keyof Log) => (event: string, facts?: Facts) => {
    const line = { time: new Date().toISOString(), ...redact(facts ?? {}), event: redactText(event) };
    last = (last ?? opening.result()).then((opened) => {
      opened.logger[level](line);
      return opened;
    });
  };
  return {
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    flush: async () => {
      if (last === undefined) return;
      opening.now();
      (await last).drain();
    },
  };
}

const startDelayMs = 200;

/** Work that starts `startDelayMs` after its result was asked for, or `now`. */
function startSoon<T>(work: () => Promise<T>): { result(): Promise<T>; now(): void } {
  let start = (): void => {};
  const started = new Promise<void>((resolve) => {
    start = resolve;
  });
  return {
    result() {
      setTimeout(start, startDelayMs).unref();
      return started.then(work);
    },
    now: () => start(),
  };
}

type Opened = {
  readonly logger: Logger;
  /** Writes what waits. */
  drain(): void;
};

async function openStderr(): Promise<Opened> {
  // The default export has everything; a bundle of a CommonJS package has no other.
  const { default: pino } = await import('pino');
  const stderr = pino.destination({ dest: 2, sync: true });
  let lines = '';
  const drain = () => {
    if (lines !== '') stderr.write(lines);
    lines = '';
  };
  process.on('exit', drain);
  // The lines of one turn of the event loop are written together: a write takes longer than making the line.
  const write = (line: string) => {
    if (lines === '') setImmediate(drain);
    lines += line;
  };
  const options = { base: null, timestamp: false, formatters: { level: (label: string) => ({ level: label }) } };
  return { logger: pino(options, { write }), drain };
}

/** From now on what anybody prints with `console` becomes a line of the log: stdout carries MCP and nothing else. */
export function captureConsole(log: Log): void {
  let captured: Console | undefined;
  for (const [name, method] of Object.entries(console)) {
    if (typeof method !== 'function') continue;
    // The console that formats is made when somebody prints, which hardly ever happens.
    const print = (...args: unknown[]) => {
      captured ??= consoleOf(log);
      return Reflect.apply(Reflect.get(captured, name) as typeof method, captured, args);
    };
    Reflect.set(console, name, print);
  }
}

function consoleOf(log: Log): Console {
  const lines = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      log.warn('console', { text: text.trimEnd() });
      done();
    },
  });
  return new Console({ stdout: lines, stderr: lines, colorMode: false });
}
