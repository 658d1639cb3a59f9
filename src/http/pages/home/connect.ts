/** Connecting a service from a person's own pages: which service, by which way, then the pages of an attempt. */
import { Hono } from 'hono';
import type { Broker } from '../../../broker/broker.ts';
import { createCredential } from '../../../broker/connect/create.ts';
import { generalConnectors, listConnectors } from '../../../broker/credentials/metadata.ts';
import { type Way, waysOf } from '../../../broker/credentials/ways.ts';
import { takesScopes } from '../../../broker/input/asked-scopes.ts';
import { type ErrorCode, hasCode, toPublic } from '../../../errors.ts';
import { fieldsIn } from '../connect/form.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import { servicesPage, waysPage } from './connect-lists.ts';
import { openFieldsOf, wayPage } from './connect-way.ts';
import type { Desk, Shown, Visit } from './desk.ts';

/** Services on one page. */
const shownAtOnce = 30;

/** What a person can mend in the form, or has to know before they send it once more. */
const tellable: readonly ErrorCode[] = [
  'invalid_input',
  'forbidden',
  'limit_reached',
  'approval_denied',
  'provider_refused',
  'provider_unavailable',
  'provider_garbled',
  'egress_refused',
  'egress_too_large',
  'port_in_use',
];

/**
 * `GET /connect` finds a service (`query`, `after`), its ways (`service`) and the form of one way (`type`); no field of a
 * form is ever filled in by the address. `POST /connect` begins an attempt and goes on to its page.
 */
export function connectingRoutes(desk: Desk): Hono {
  const { broker } = desk;
  const routes = new Hono();
  const find = desk.show(async (c, visit) => {
    const { service, type, query = '', after } = c.req.query();
    if (service === undefined) return services(broker, visit, query, after);
    const ways = await waysOf(broker, visit.principal, broker.catalogue.require(service));
    const [only, ...others] = ways;
    const way = type === undefined && others.length === 0 ? only : ways.find((one) => isOf(one, type));
    return way === undefined ? waysPage(ways) : wayPage(way, visit.csrf, others.length > 0);
  });
  routes.get('/connect', find);
  const begin = desk.act(async (_c, visit, form) => {
    const connector = broker.catalogue.require(form.get('service') ?? '');
    const ways = await waysOf(broker, visit.principal, connector);
    const way = ways.find((one) => isOf(one, form.get('type') ?? ''));
    if (way === undefined) return waysPage(ways);
    try {
      return await beginAttempt(broker, visit, way, form);
    } catch (error) {
      // Nothing that they typed is lost.
      if (!hasCode(error, ...tellable)) throw error;
      const { message, hint } = toPublic(error);
      const problems = error.details.fields ?? { '': hint === undefined ? message : `${message} ${hint}` };
      return wayPage(way, visit.csrf, ways.length > 1, { values: fieldsIn(form), problems, chosen: chosenIn(form) });
    }
  });
  routes.post('/connect', formsOnly, formLimit, begin);
  return routes;
}

async function services(broker: Broker, { principal }: Visit, query: string, after?: string): Promise<Shown> {
  const page = { query, limit: shownAtOnce, ...(after && { cursor: after }) };
  return servicesPage(query, await listConnectors(broker, principal, page), generalConnectors(broker));
}

function isOf({ auth }: Way, type: string | undefined): boolean {
  return auth.authenticationType === type;
}

/** Begins as an assistant does, with no secret; answers where the person goes on. */
async function beginAttempt(broker: Broker, { principal }: Visit, way: Way, form: URLSearchParams): Promise<string> {
  const fields = fieldsIn(form);
  // A secret is typed on the attempt's own page, which says where it goes.
  const given = openFieldsOf(way).map(({ name }) => [name, fields[name]]);
  const name = fields.name?.trim() ?? '';
  const scopes = scopesIn(way, form);
  const input = {
    ...Object.fromEntries(given),
    connectorId: way.connector.id,
    authenticationType: way.auth.authenticationType,
    ...(name !== '' && { name }),
    ...(scopes !== null && { scopes }),
  };
  const created = await createCredential(broker, principal, input, { obtainedBy: 'page', typedByOwner: true });
  return created.kind === 'attempt' ? `/connect/${created.attemptId}` : `/connections/${created.credentialId}`;
}

/** The scopes that were ticked and typed, where they are others than usual; else null. */
function scopesIn({ connector, auth }: Way, form: URLSearchParams): string | null {
  if (!takesScopes(connector, auth) || !('scopes' in auth)) return null;
  const chosen = chosenIn(form);
  const ticked = auth.scopes.filter((scope) => chosen.has(scope));
  const more = fieldsIn(form).scopes?.trim() ?? '';
  return ticked.length === auth.scopes.length && more === '' ? null : [...ticked, more].join(' ').trim();
}

function chosenIn(form: URLSearchParams): ReadonlySet<string> {
  return new Set(form.getAll('scope'));
}
