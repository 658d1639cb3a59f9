import { describe, expect, it } from 'vitest';
import { loadCatalogue } from '../../src/connectors/catalogue.ts';
import type { Connector } from '../../src/connectors/connector.ts';
import { wanted } from '../../src/connectors/search.ts';

const catalogue = await loadCatalogue(null);
const connectors = catalogue.list();
const find = async (query: string) => (await catalogue.search(query)).map(({ id }) => id);

/** What a person may write for a name: other capitals, no spaces, other separators, spaces at the ends. */
function spellings(name: string): string[] {
  return [
    name,
    name.toUpperCase(),
    name.toLowerCase(),
    name.replace(/[\s-]+/g, ''),
    name.replace(/[\s-]+/g, '_'),
    ` ${name} `,
  ];
}

/** A letter left out, doubled, replaced, or swapped with the next one, never the first; for names long enough to bear it. */
function typos(name: string): string[] {
  const at = Math.floor(name.length / 2);
  const [a, b, rest] = [name.slice(0, at), name.slice(at, at + 1), name.slice(at + 1)];
  return [`${a}${rest}`, `${a}${b}${b}${rest}`, `${a}q${rest}`, `${a}${rest.slice(0, 1)}${b}${rest.slice(1)}`];
}

describe.each(connectors.map((one) => [one.id, one] as const))('%s', (id, connector: Connector) => {
  it('is found first by its id, its name and each alias, however they are written', async () => {
    for (const name of [id, connector.name, ...connector.aliases]) {
      for (const spelling of spellings(name)) expect((await find(spelling))[0], spelling).toBe(id);
    }
  });

  it('is found among the first three in spite of a typo in its name', async () => {
    if (!/^[\w ]{6,}$/.test(connector.name)) return;
    for (const typo of typos(connector.name)) expect((await find(typo)).slice(0, 3), typo).toContain(id);
  });
});

describe('searching', () => {
  it.each([
    ['gcal', 'google-calendar'],
    ['google calendar', 'google-calendar'],
    ['googlecalendar', 'google-calendar'],
    ['calendar google', 'google-calendar'],
    ['MS Teams', 'microsoft-teams'],
    ['teams', 'microsoft-teams'],
    ['git hub', 'github'],
    ['git lab', 'gitlab'],
    ['hub spot', 'hubspot'],
    ['Hubspt', 'hubspot'],
    ['gdrive', 'google-drive'],
    ['google spreadsheet', 'google-sheets'],
    ['sales force', 'salesforce'],
    ['sfdc', 'salesforce'],
    ['claude', 'anthropic'],
    ['chatgpt', 'openai'],
    ['twitter', 'x'],
    ['one drive', 'one-drive'],
    ['onedrive', 'one-drive'],
    ['quick books', 'quickbooks'],
    ['send grid', 'sendgrid'],
    ['pager duty', 'pagerduty'],
    ['mail chimp', 'mailchimp'],
    ['click up', 'clickup'],
    ['mcp', 'mcp-server'],
    ['mcp server', 'mcp-server'],
    ['oauth2', 'generic-oauth2'],
    ['api key', 'generic-api-key'],
    ['jira cloud', 'jira'],
    ['notoin', 'notion'],
    ['slcak', 'slack'],
    ['Zendesc', 'zendesk'],
    ['intercomm', 'intercom'],
    ['o365 mail', 'outlook'],
    ['s3', 'aws'],
    ['redis', 'upstash'],
    ['stock prices', 'polygon'],
    ['my github account please', 'github'],
    ['connect to Slack', 'slack'],
    ['stripe payments', 'stripe'],
    ['git', 'github'],
  ])('“%s” finds %s first', async (query, id) => {
    expect((await find(query))[0]).toBe(id);
  });

  it.each([
    ['payments', ['stripe', 'paypal', 'adyen', 'square']],
    ['issue tracker', ['jira', 'linear', 'asana']],
    ['sms', ['twilio', 'vonage', 'plivo', 'messagebird']],
    ['send email', ['gmail', 'sendgrid', 'resend']],
    ['helpdesk', ['zendesk', 'freshdesk']],
    ['scheduling', ['calendly', 'google-calendar']],
    ['llm', ['openai', 'anthropic', 'mistral']],
    ['logs', ['datadog', 'grafana']],
    ['sso', ['okta']],
    ['accounting', ['quickbooks', 'xero', 'freshbooks']],
    ['speech to text', ['deepgram', 'assemblyai']],
  ])('“%s” finds what it is about', async (query, ids) => {
    expect(await find(query)).toEqual(expect.arrayContaining(ids));
  });

  it.each([
    ['google', ['gmail', 'google-calendar', 'google-docs', 'google-drive', 'google-sheets']],
    ['googel', ['gmail', 'google-calendar', 'google-docs', 'google-drive', 'google-sheets']],
    ['microsoft', ['outlook', 'microsoft-teams', 'one-drive']],
    ['aws', ['aws']],
    ['amazon', ['aws']],
    ['atlassian', ['jira', 'confluence', 'trello']],
    ['zoho', ['zoho-crm']],
  ])('“%s” finds first what most people want of that house', async (query, ids) => {
    expect((await find(query)).slice(0, ids.length)).toEqual(ids);
  });

  it.each([
    ['meta', 'facebook'],
    ['google tasks', 'google-tasks'],
    ['microsoft excel', 'excel'],
    ['googlecal', 'google-calendar'],
    ['google cal', 'google-calendar'],
    ['power', 'power-bi'],
    ['ads', 'google-adsense'],
    ['pay', 'razorpay'],
    ['mail', 'gmail'],
  ])('“%s” finds %s, however much more others are wanted', async (query, id) => {
    expect((await find(query))[0]).toBe(id);
  });

  it.each([
    ['linear', ['linear', 'linear-mcp']],
    ['Notion', ['notion', 'notion-mcp']],
    ['stripe', ['stripe', 'stripe-mcp']],
    ['new relic', ['new-relic', 'new-relic-mcp']],
    ['notoin', ['notion', 'notion-mcp']],
    ['cloudflare', ['cloudflare', 'cloudflare-mcp']],
  ])('243. “%s” finds the API of a service, and its MCP server beside it', async (query, ids) => {
    expect((await find(query)).filter((id) => ids.includes(id))).toEqual(ids);
    expect((await find(query))[0]).toBe(ids[0]);
  });

  it.each([
    ['linear mcp', 'linear-mcp'],
    ['mcp linear', 'linear-mcp'],
    ['the mcp server of notion', 'notion-mcp'],
    ['jira mcp', 'atlassian-mcp'],
    ['remote mcp', 'mcp-server'],
  ])('243. “%s” finds the MCP server %s first', async (query, id) => {
    expect((await find(query))[0]).toBe(id);
  });

  it('243. every MCP server is found behind the API of its service, and before what only sounds like it', async () => {
    const named = connectors.filter(({ id }) => id.endsWith('-mcp') && catalogue.get(id.slice(0, -4)) !== undefined);
    expect(named.length).toBeGreaterThan(25);
    for (const { id } of named) {
      const found = await find(id.slice(0, -4));
      expect(found[0]).toBe(id.slice(0, -4));
      expect(found.slice(0, 4), id).toContain(id);
    }
  });

  it('what most people want is in the catalogue, each once', () => {
    expect(wanted.filter((id) => catalogue.get(id) === undefined)).toEqual([]);
    expect(new Set(wanted).size).toBe(wanted.length);
  });

  it('a word that is spelled right is not taken for a typo of another', async () => {
    expect(await find('notes')).not.toContain('npm');
    expect(await find('redis')).not.toContain('reddit');
    expect(await find('issue tracker')).not.toContain('generic-openid');
    expect(await find('stock prices')).not.toContain('slack');
  });

  it('answers nothing for nonsense and takes any text', async () => {
    expect(await find('xyzzyqwv')).toEqual([]);
    for (const text of ['"', '(*', '\\', '💥', 'a'.repeat(10_000), '__proto__', 'constructor'])
      expect(await find(text)).toBeInstanceOf(Array);
  });

  it('finds connectors by category, and narrows by one', async () => {
    const crm = (await catalogue.search('', 'crm')).map(({ id }) => id);
    expect(crm).toEqual(expect.arrayContaining(['hubspot', 'salesforce']));
    expect(await find('crm')).toEqual(expect.arrayContaining(['hubspot', 'salesforce']));
  });
});
