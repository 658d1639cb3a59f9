/**
 * A home folder with secrets in the files of MCP clients, in `.env` files and in the environment, among many values that
 * only look like secrets. Every value is made of parts while the test runs, so that none stands in the repository.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Where a value stands, as `keyward import --json` names it. */
type Spot = { readonly file: string | null; readonly name: string; readonly connectorId: string };

export type PlantedHome = {
  readonly secrets: readonly Spot[];
  /** How many values look like secrets and are none. */
  readonly lookAlikes: number;
  /** Every secret value. */
  readonly values: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

/** Text that is the same in every run, and as mixed as random text is. */
function source(seed: number) {
  let state = seed;
  const next = () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return (state ^ (state >>> 13)) >>> 0;
  };
  const from = (letters: string, length: number) =>
    Array.from({ length }, () => letters[next() % letters.length]).join('');
  return {
    word: (length: number) => from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', length),
    hex: (length: number) => from('0123456789abcdef', length),
    upper: (length: number) => from('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', length),
    digits: (length: number) => from('123456789', length),
  };
}

type Source = ReturnType<typeof source>;

/** Connector → a variable of its key, and a key of its form. */
const inEnvFile: readonly (readonly [string, string, (r: Source) => string])[] = [
  ['github', 'GITHUB_TOKEN', (r) => `ghp_${r.word(36)}`],
  ['github', 'GH_PAT_OLD', (r) => `github_pat_${r.word(22)}_${r.word(59)}`],
  ['openai', 'OPENAI_API_KEY', (r) => `sk-proj-${r.word(74)}`],
  ['anthropic', 'ANTHROPIC_API_KEY', (r) => `sk-ant-api03-${r.word(93)}`],
  ['deepseek', 'DEEPSEEK_API_KEY', (r) => `sk-${r.hex(32)}`],
  ['openrouter', 'OPENROUTER_API_KEY', (r) => `sk-or-v1-${r.hex(64)}`],
  ['groq', 'GROQ_API_KEY', (r) => `gsk_${r.word(52)}`],
  ['stripe', 'STRIPE_SECRET_KEY', (r) => `sk_live_${r.word(24)}`],
  ['stripe', 'STRIPE_RESTRICTED', (r) => `rk_test_${r.word(24)}`],
  ['hugging-face', 'HF_TOKEN', (r) => `hf_${r.word(34)}`],
  ['sendgrid', 'SENDGRID_API_KEY', (r) => `SG.${r.word(22)}.${r.word(43)}`],
  ['resend', 'RESEND_API_KEY', (r) => `re_${r.word(8)}_${r.word(24)}`],
  ['cloudflare', 'CLOUDFLARE_API_TOKEN', (r) => r.word(40)],
  ['vercel', 'VERCEL_TOKEN', (r) => r.word(24)],
  ['sentry', 'SENTRY_AUTH_TOKEN', (r) => `sntryu_${r.hex(64)}`],
  ['supabase', 'SUPABASE_ACCESS_TOKEN', (r) => `sbp_${r.hex(40)}`],
  ['telegram', 'TELEGRAM_BOT_TOKEN', (r) => `${r.digits(10)}:AA${r.word(33)}`],
  ['twilio', 'TWILIO_AUTH_TOKEN', (r) => r.hex(32)],
  ['jira', 'JIRA_API_TOKEN', (r) => `ATATT3xFf${r.word(180)}=${r.hex(8).toUpperCase()}`],
  ['datadog', 'DD_API_KEY', (r) => r.hex(32)],
  ['datadog', 'DD_APP_KEY', (r) => r.hex(40)],
  ['airtable', 'AIRTABLE_API_KEY', (r) => `pat${r.word(14)}.${r.hex(64)}`],
  ['mistral', 'MISTRAL_API_KEY', (r) => r.word(32)],
  ['gemini', 'GEMINI_API_KEY', (r) => `AIza${r.word(35)}`],
  ['aws', 'AWS_SECRET_ACCESS_KEY', (r) => `${r.word(19)}/${r.word(20)}`],
  ['gitlab', 'GITLAB_TOKEN', (r) => `glpat-${r.word(20)}`],
];

/** MCP server → what it is given, and where. */
const inServers: readonly (readonly [string, string, string, Part, (r: Source) => string])[] = [
  ['linear', 'linear', 'LINEAR_API_KEY', 'env', (r) => `lin_api_${r.word(40)}`],
  ['notion', 'notion', 'NOTION_TOKEN', 'env', (r) => `ntn_${r.word(46)}`],
  ['slack', 'chat', 'SLACK_BOT_TOKEN', 'env', (r) => `xoxb-${r.digits(12)}-${r.digits(12)}-${r.word(24)}`],
  ['brave-search', 'brave-search', 'API_KEY', 'env', (r) => `BSA${r.word(28)}`],
  ['figma', 'figma', '--figma-api-key', 'argument', (r) => `figd_${r.word(40)}`],
  ['tavily', 'search', 'tavilyApiKey', 'address', (r) => `tvly-dev-${r.word(32)}`],
  ['hubspot', 'hubspot', 'Authorization', 'header', (r) => `pat-na1-${r.hex(8)}-${r.hex(4)}-${r.hex(12)}`],
  ['perplexity', 'ask', 'PERPLEXITY_API_KEY', 'env', (r) => `pplx-${r.word(48)}`],
  ['netlify', 'netlify', 'NETLIFY_PERSONAL_ACCESS_TOKEN', 'env', (r) => `nfp_${r.word(36)}`],
  ['apify', 'actors', 'APIFY_TOKEN', 'docker', (r) => `apify_api_${r.word(36)}`],
];

type Part = 'env' | 'argument' | 'address' | 'header' | 'docker';

const inEnvironment: readonly (readonly [string, string, (r: Source) => string])[] = [
  ['digitalocean', 'DIGITALOCEAN_TOKEN', (r) => `dop_v1_${r.hex(64)}`],
  ['npm', 'NPM_TOKEN', (r) => `npm_${r.word(36)}`],
  ['e2b', 'E2B_API_KEY', (r) => `e2b_${r.hex(40)}`],
  ['exa', 'EXA_API_KEY', (r) => `${r.hex(8)}-${r.hex(4)}-${r.hex(4)}-${r.hex(4)}-${r.hex(12)}`],
];

/** What the variables around say, without which three of the secrets could not be connected. */
const around = {
  JIRA_URL: 'https://acme.atlassian.net',
  JIRA_EMAIL: 'ann@acme.test',
  TWILIO_ACCOUNT_SID: (r: Source) => `AC${r.hex(32)}`,
  AWS_ACCESS_KEY_ID: (r: Source) => `AKIA${r.upper(16)}`,
};

/** Services in whose names the look-alikes are. */
const services =
  'GITHUB OPENAI STRIPE SLACK LINEAR NOTION SENTRY VERCEL CLOUDFLARE GITLAB AIRTABLE FIGMA HUBSPOT'.split(' ');
/** What stands where a secret would: names behind that of the service, and values that are none. */
const lookAlike: readonly (readonly [string, (r: Source) => string])[] = [
  ['API_KEY', () => `$\{input:api_key}`],
  ['TOKEN', () => '<your-token-goes-here-1234>'],
  ['SECRET', () => 'changeme-changeme-1'],
  ['ACCESS_TOKEN', () => `keyward://1b671a64-40d5-491e-99b0-da01ff1f3341`],
  ['KEY', () => 'x'.repeat(40)],
  ['AUTH_TOKEN', () => 'your_token_here_123456'],
  ['API_TOKEN', () => 'ghp_example0123456789'],
  ['TOKEN_FILE', (r) => `/run/secrets/${r.hex(20)}`],
  ['KEY_PATH', (r) => `./keys/${r.word(24)}.pem`],
  ['PERSONAL_TOKEN', () => 'op://Private/item/credential1'],
  ['PROJECT_ID', (r) => `${r.hex(8)}-${r.hex(4)}-4${r.hex(3)}-a${r.hex(3)}-${r.hex(12)}`],
  ['CLIENT_ID', (r) => r.hex(20)],
  ['CLIENT_SECRET', (r) => r.hex(40)],
  ['WEBHOOK_SECRET', (r) => r.hex(40)],
  ['SIGNING_SECRET', (r) => r.hex(32)],
  ['REFRESH_TOKEN', (r) => r.word(48)],
  ['COMMIT_SHA', (r) => r.hex(40)],
  ['KEY_HASH', (r) => r.hex(64)],
  ['PUBLIC_KEY', (r) => r.word(44)],
  ['PUBLISHABLE_KEY', (r) => `pk_test_${r.word(24)}`],
  ['KEY_ID', (r) => r.upper(20)],
  ['TOKEN_EXPIRES_AT', () => '2027-01-01T00:00:00Z'],
  ['URL', (r) => `https://hooks.example.test/services/${r.word(24)}`],
  ['TOKEN_URL', () => 'https://auth.example.test/oauth/token'],
  ['RUNNER_TOKEN', (r) => r.word(29)],
  ['TOKEN_NAME', () => 'deploy-bot-production-2026'],
  ['API_KEY_VERSION', () => 'v2026-11-30-preview1'],
  ['DEPLOY_KEY', (r) => r.word(40)],
];

/** Keys of services that the catalogue does not have, some of a form that one of its services uses. */
const strangers: readonly (readonly [string, (r: Source) => string])[] = [
  ['CLERK_SECRET_KEY', (r) => `sk_test_${r.word(40)}`],
  ['LITELLM_MASTER_KEY', (r) => `sk-${r.word(32)}`],
  ['API_KEY', (r) => r.word(40)],
  ['SECRET_KEY', (r) => r.hex(64)],
  ['JWT_SECRET', (r) => r.word(64)],
  ['NEXTAUTH_SECRET', (r) => `${r.word(43)}=`],
  ['SESSION_TOKEN', (r) => r.hex(40)],
  ['LAMBDA_API_KEY', (r) => r.word(40)],
  ['X_API_KEY', (r) => r.word(32)],
  ['CONTEXT7_API_KEY', (r) => `ctx7sk-${r.word(36)}`],
  ['DATABASE_URL', (r) => `postgres://app:${r.word(24)}@db.example.test/app`],
  ['GIT_COMMIT', (r) => r.hex(40)],
  ['IMAGE_DIGEST', (r) => `sha256:${r.hex(64)}`],
  ['ENCRYPTION_KEY', (r) => r.hex(64)],
  ['POSTHOG_KEY', (r) => `phc_${r.word(43)}`],
  ['MAPBOX_TOKEN', (r) => `pk.${r.word(80)}.${r.word(22)}`],
  ['GOOGLE_API_KEY', (r) => `AIza${r.word(35)}`],
  ['SSH_KEY', (r) => `AAAAB3NzaC1yc2E${r.word(60)}`],
  ['AMPLITUDE_API_KEY', (r) => r.hex(32)],
  ['STRIPE_WEBHOOK_SECRET', (r) => `whsec_${r.word(32)}`],
  ['GITLAB_TOKEN_OF_GITHUB', (r) => r.hex(40)],
  ['SERVICE_ACCOUNT', (r) => `{"private_key_id":"${r.hex(40)}"}`],
  ['CERTIFICATE', (r) => `-----BEGIN-${r.word(60)}`],
  ['TRACE_ID', (r) => r.hex(32)],
  ['BUILD_TOKEN', (r) => r.word(40)],
  ['AUTHOR_KEY', (r) => r.word(40)],
];

/** Writes the home folder and a project below it. */
export async function plantHome(home: string, project: string): Promise<PlantedHome> {
  const random = source(20_261_130);
  const secrets: Spot[] = [];
  const values: string[] = [];
  let lookAlikes = 0;
  const keep = (file: string | null, name: string, connectorId: string, value: string) => {
    secrets.push({ file, name, connectorId });
    values.push(value);
    return value;
  };
  const other = (value: string) => {
    lookAlikes += 1;
    return value;
  };

  const envFile = path.join(project, '.env');
  const lines = [
    ...inEnvFile.map(([id, name, make]) => `${name}=${keep(envFile, name, id, make(random))}`),
    ...Object.entries(around).map(([name, value]) => `${name}="${typeof value === 'string' ? value : value(random)}"`),
  ];
  const noise = [
    ...services.flatMap((service) => lookAlike.map(([name, make]) => `${service}_${name}=${other(make(random))}`)),
    ...strangers.map(([name, make]) => `${name}='${other(make(random))}'`),
  ];
  await mkdir(project, { recursive: true });
  await writeFile(envFile, `# Settings\r\n${lines.join('\r\n')}\r\n`);
  await writeFile(path.join(project, '.env.local'), `${noise.join('\n')}\n`);

  const cursor = path.join(home, '.cursor', 'mcp.json');
  const servers = Object.fromEntries(
    inServers.map(([id, server, name, part, make]) => {
      const shown = part === 'argument' ? name.slice(2) : name;
      return [server, serverWith(name, part, keep(cursor, shown, id, make(random)), other(random.hex(40)))];
    }),
  );
  await mkdir(path.dirname(cursor), { recursive: true });
  await writeFile(cursor, JSON.stringify({ mcpServers: servers }, null, 2));
  const env = Object.fromEntries([
    ...inEnvironment.map(([id, name, make]) => [name, keep(null, name, id, make(random))]),
    ...strangers.slice(0, 8).map(([name, make]) => [`CI_${name}`, other(make(random))]),
  ]);
  return { secrets, lookAlikes, values, env };
}

/** An entry of a client's file: the secret in its place, and beside it a value that is none. */
function serverWith(name: string, part: Part, secret: string, hash: string) {
  const start = { command: 'npx', args: ['-y', 'some-mcp@1.2.3'] };
  if (part === 'env')
    return { ...start, env: { [name]: secret, BUILD_SHA: hash, CACHE_DIR: '/var/cache/server-0123456789' } };
  if (part === 'argument') return { ...start, args: [...start.args, `${name}=${secret}`, `--build=${hash}`] };
  if (part === 'docker')
    return { command: 'docker', args: ['run', '-i', '-e', `${name}=${secret}`, `img@sha256:${hash}`] };
  const url = 'https://mcp.example.test/mcp';
  if (part === 'address') return { url: `${url}?${name}=${secret}&trace=${hash}` };
  return { url, headers: { [name]: `Bearer ${secret}`, 'X-Trace': hash } };
}
