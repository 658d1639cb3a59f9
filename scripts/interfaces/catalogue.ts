/** Every connector through Prism: its metadata, and its samples, each sent back as a backend sends it for a user. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Proxies } from './documents.ts';
import type { Request } from './prism.ts';
import type { Report } from './report.ts';
import { problemsOf } from './statuses.ts';

type Listed = {
  readonly connectorId: string;
  readonly authenticationTypes: readonly string[];
  readonly categories: readonly string[];
  readonly custom?: boolean;
};
type Form = {
  readonly authenticationType: string;
  readonly inputSchema: object;
  readonly sampleInput: Record<string, string>;
};

const alloy = { 'x-api-version': '2025-09' };
/** Connectors that are asked for at once. */
const atOnce = 8;

/**
 * Samples that can't be all there is: what Keyward answers to them instead, as only its own document has it. By
 * authentication type, or by connector and type.
 */
const refused: Readonly<Record<string, { readonly status: number; readonly because: string }>> = {
  oauth2_client_credentials: {
    status: 502,
    because: 'no service is reached from here',
  },
  oauth2_jwt_bearer: { status: 422, because: 'the key of the sample is none' },
  'generic-openid oauth2': { status: 502, because: 'its issuer is not there' },
};

/** An MCP server names its authorization server, and its clients are that one's. */
const found = { status: 502, because: 'the server is not there' };
const isFound = ({ categories }: Pick<Listed, 'categories'>, type: string) =>
  type === 'oauth2' && categories.includes('mcp');

/** Inputs by which a sample names its own authorization server. */
const servers = ['tokenEndpoint', 'issuer'];

/**
 * @param token of a backend
 * @returns how many there are
 */
export async function askForEveryConnector(proxies: Proxies, token: string, report: Report): Promise<number> {
  const connectors = (await everyConnector(proxies, token)).filter(({ custom }) => custom !== true);
  const waiting = [...connectors];
  const work = async () => {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      const { summary, problems } = await checkConnector(proxies, token, one);
      report.add(`${one.connectorId}: ${summary}`, problems);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return connectors.length;
}

async function everyConnector({ own }: Proxies, token: string): Promise<Listed[]> {
  const found: Listed[] = [];
  for (let cursor: string | undefined; ; ) {
    const query = new URLSearchParams({ limit: '100', ...(cursor === undefined ? {} : { cursor }) });
    const { status, body, violations } = await own.ask({ path: `/connectors?${query}`, token });
    if (status !== 200 || violations.length > 0) throw new Error(`GET /connectors: ${status} ${violations.join(' ')}`);
    const page = body as { connectors: Listed[]; nextCursor?: string };
    found.push(...page.connectors);
    cursor = page.nextCursor;
    if (cursor === undefined) return found;
  }
}

async function checkConnector(proxies: Proxies, token: string, connector: Listed) {
  const { connectorId, authenticationTypes } = connector;
  const { create, list, metadata, own } = proxies;
  const path = `/connectors/${connectorId}/credentials`;
  const headers = { ...alloy, 'x-alloy-userid': `user of ${connectorId}` };
  const problems: string[] = [];
  let authConfigId: string | undefined;
  const note = (what: string, found: readonly string[]) => problems.push(...found.map((one) => `${what}: ${one}`));
  const forms = async () => {
    const told = await metadata.ask({ path: `${path}/metadata`, token, headers });
    note('metadata', problemsOf(told, 200));
    return (told.body as { metadata?: readonly Form[] }).metadata ?? [];
  };

  const before = await forms();
  note('metadata', sameTypes(before, authenticationTypes));
  if (authenticationTypes.some((type) => type === 'oauth2' || type === 'oauth2_client_credentials')) {
    const stored = await own.ask(storing(connector, before, token));
    note('store an OAuth client', problemsOf(stored, 200));
    ({ authConfigId } = stored.body as { readonly authConfigId?: string });
  }
  // What an OAuth client has to be there for is told before, and can be made after.
  const all = await forms();
  const reasons: string[] = [];
  for (const { authenticationType, inputSchema, sampleInput } of [...before, ...all]) {
    note(`${authenticationType}: sample`, misfits(inputSchema, sampleInput));
  }
  for (const { authenticationType, sampleInput } of all) {
    const { authConfigId: _, ...body } = sampleInput;
    const exception = isFound(connector, authenticationType)
      ? found
      : (refused[`${connectorId} ${authenticationType}`] ?? refused[authenticationType]);
    const answer = await (exception ? own : create).ask({ method: 'POST', path, token, headers: alloy, body });
    note(authenticationType, problemsOf(answer, exception?.status ?? 200));
    if (exception) reasons.push(`; ${authenticationType} is refused, since ${exception.because}`);
  }
  note('list', problemsOf(await list.ask({ path, token, headers }), 200));
  // One user may keep fewer clients than there are connectors.
  if (authConfigId !== undefined) {
    const forget = { method: 'DELETE', path: `/auth-configs/${authConfigId}`, token };
    note('forget the OAuth client', problemsOf(await own.ask(forget), 200));
  }
  return { summary: `${all.length} samples${reasons.join('')}`, problems };
}

/** The OAuth client that samples need; for the server that they name, where they name one. */
function storing(connector: Listed, forms: readonly Form[], token: string): Request {
  const named = forms.flatMap(({ sampleInput }) => servers.flatMap((name) => sampleInput[name] ?? []));
  const { connectorId } = connector;
  // The metadata of an MCP server names its issuer: nobody gives it.
  const [server = isFound(connector, 'oauth2') ? 'https://auth.example.com' : undefined] = named;
  const body = { connectorId, clientId: 'client', clientSecret: 'secret', ...(server !== undefined && { server }) };
  return { method: 'POST', path: '/auth-configs', token, body };
}

function sameTypes(forms: readonly Form[], types: readonly string[]): string[] {
  const [found, listed] = [forms.map(({ authenticationType }) => authenticationType), types].map((all) =>
    all.join(', '),
  );
  return found === listed ? [] : [`has forms for ${found}, and ${listed} are listed`];
}

/** How a value breaks a JSON Schema. */
function misfits(schema: object, value: unknown): string[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const validate = ajv.compile(schema);
  return validate(value) ? [] : [ajv.errorsText(validate.errors)];
}
