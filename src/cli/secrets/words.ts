/** The words that the name of a variable is made of, and which of them say that its value is a secret. */

/** `GITHUB_TOKEN`, `githubToken` and `github-token` → `github`, `token`. */
export function wordsOf(name: string): string[] {
  const apart = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();
  return apart.split(/[^a-z0-9]+/).flatMap((word) => (word === '' ? [] : (short[word] ?? [word])));
}

/** What people shorten → what it stands for. */
const short: Readonly<Record<string, readonly string[]>> = {
  apikey: ['api', 'key'],
  apitoken: ['api', 'token'],
  authtoken: ['auth', 'token'],
  accesstoken: ['access', 'token'],
  pat: ['personal', 'access', 'token'],
  app: ['application'],
  pass: ['password'],
  pwd: ['password'],
};

/** The last telling word of a name that stands for a secret is one of these. */
const secretWords: ReadonlySet<string> = new Set(['key', 'token', 'secret', 'password', 'authorization']);

/**
 * Words that say nothing about which secret of a service it is. A name with any other word may stand for another one, such
 * as the secret of a webhook, an OAuth client or a runner.
 */
export const neutralWords: ReadonlySet<string> = new Set([
  ...secretWords,
  ...'api access auth personal private user bot admin service account bearer my the default'.split(' '),
  ...'application team org organization work home mcp server integration cloud ai'.split(' '),
  ...'prod production dev development test testing live staging sandbox'.split(' '),
]);

/** Words behind the telling one that change nothing: `GITHUB_TOKEN_PROD`, `SLACK_TOKEN_2`. */
const behind = /^(?:prod|production|dev|development|test|testing|live|staging|sandbox|default|work|home|\d{1,2})$/;

/** True when the name ends as those of secrets do: `…_KEY`, `…_TOKEN_PROD`; not `…_KEY_ID`, nor `…_TOKEN_FILE`. */
export function endsAsSecret(words: readonly string[]): boolean {
  return secretWords.has(words.findLast((word) => !behind.test(word)) ?? '');
}
