/**
 * References to a connection's secret, as they stand where a secret would: `keyward://<connection>` or
 * `keyward://<connection>/<field>`. Names are percent-encoded there (RFC 3986 §2.1): `keyward://Work%20GitHub`.
 */
import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';
import { KeywardError } from '../../errors.ts';

/** What a variable of the child is to hold. */
export type Reference = {
  readonly variable: string;
  /** Id, name or connector. */
  readonly connection: string;
  /** Null for the only secret that the connection has. */
  readonly field: string | null;
};

/** Variables for a child: those that are set as they are, and those that refer to a connection. */
export type Wanted = { readonly env: Readonly<Record<string, string>>; readonly references: readonly Reference[] };

const scheme = 'keyward://';

/**
 * What the environment, a file of variables and `--env` ask for; a later one of these goes before an earlier one.
 *
 * @param typed `NAME=<connection>`, `NAME=<connection>#<field>`, or `NAME=keyward://…`
 * @throws KeywardError `invalid_input` that says which of them is wrong
 */
export async function wantedBy(
  env: NodeJS.ProcessEnv,
  file: string | undefined,
  typed: readonly string[],
): Promise<Wanted> {
  const all = new Map<string, string | Reference>();
  const given = { ...env, ...(file === undefined ? {} : await variablesIn(file)) };
  for (const [variable, value] of Object.entries(given)) {
    if (value !== undefined) all.set(variable, value.startsWith(scheme) ? readReference(variable, value) : value);
  }
  for (const one of typed) {
    const reference = readTyped(one);
    all.set(reference.variable, reference);
  }
  const plain = [...all].filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const references = [...all.values()].filter((value) => typeof value !== 'string');
  return { env: Object.fromEntries(plain), references };
}

async function variablesIn(file: string): Promise<NodeJS.Dict<string>> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new KeywardError('invalid_input', `The file ${file} can not be read (${error.code}).`, {
      hint: 'Give --env-file the path of a file with lines such as NAME=keyward://github.',
    });
  });
  const variables = parseEnv(text);
  const loader = Object.keys(variables).find((name) => loaderVariable.test(name));
  if (loader === undefined) return variables;
  throw new KeywardError(
    'invalid_input',
    `${loader} in ${file} decides which program runs, or what is loaded into it.`,
    {
      hint: 'Take that line out, or set the variable outside of the file: a file that somebody else wrote must not choose who gets a secret.',
    },
  );
}

/** Variables by which a file of somebody else's would put its own code into the program that gets the secret. */
const loaderVariable =
  /^(PATH|PATHEXT|COMSPEC|SHELL|ENV|BASH_ENV|LD_.*|DYLD_.*|NODE_OPTIONS|NODE_PATH|PYTHON(PATH|HOME|STARTUP)|PERL5(LIB|OPT)|RUBY(LIB|OPT)|JAVA_TOOL_OPTIONS|GIT_.*)$/i;

function readTyped(text: string): Reference {
  const [, variable, connection = ''] = /^([A-Za-z_][A-Za-z0-9_]*)=(.+)$/s.exec(text) ?? [];
  // What was typed may be a secret that somebody took for a value.
  if (variable === undefined)
    throw notOne('One --env', 'Write --env NAME=<connection> or --env NAME=<connection>#<field>.');
  if (connection.startsWith(scheme)) return readReference(variable, connection);
  const [, name = connection, field = null] = /^(.+)#([^#]+)$/s.exec(connection) ?? [];
  return { variable, connection: name, field };
}

function readReference(variable: string, text: string): Reference {
  const [, connection, field] = /^keyward:\/\/([^/]+)(?:\/([^/]+))?$/.exec(text) ?? [];
  try {
    if (connection !== undefined) {
      return {
        variable,
        connection: decodeURIComponent(connection),
        field: field === undefined ? null : decodeURIComponent(field),
      };
    }
  } catch {
    // A percent sign that begins no byte.
  }
  throw notOne(
    variable,
    'Write keyward://<connection> or keyward://<connection>/<field>; in a name, %20 is a space and %2F a slash.',
  );
}

function notOne(what: string, hint: string): KeywardError {
  return new KeywardError('invalid_input', `${what} is no reference to a connection.`, { hint });
}
