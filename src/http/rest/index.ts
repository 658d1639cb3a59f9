/** REST: the documented interfaces, each with its own paths, names and error bodies, over the broker's functions. */
import { type Context, Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { type Broker, forRequest } from '../../broker/broker.ts';
import { readInput } from '../../broker/input/read-input.ts';
import { actingFor } from '../../broker/policy/policy.ts';
import { hasCode, KeywardError } from '../../errors.ts';
import { headOfContext, readIdentity, userHeader } from '../listener/request-head.ts';
import { readJson } from '../middleware/json-body.ts';
import { alloy } from './alloy.ts';
import { failureOf } from './errors.ts';
import { fishnet } from './fishnet.ts';
import { management } from './management.ts';
import { openApiDocument } from './openapi.ts';
import { hasBody, type Inputs, type Operation, type RestBearer, type RestEnv } from './operation.ts';
import { pathstack } from './pathstack.ts';
import { checkVersion, readVersion } from './versions.ts';

/** Every operation. What is not listed here does not exist. */
export const operations: readonly Operation[] = [...alloy, ...pathstack, ...fishnet, ...management];

type RestOptions = {
  readonly broker: Broker;
  readonly bearer: RestBearer;
  /** Origin that programs reach this app at. */
  readonly publicUrl: string;
};

/** The routes of every operation behind the bearer check, and `GET /openapi.json`, which is no secret. */
export function restRoutes({ broker, bearer, publicUrl }: RestOptions): Hono<RestEnv> {
  const routes = new Hono<RestEnv>();
  const document = openApiDocument(operations, publicUrl);
  routes.get('/openapi.json', (c) => c.json(document));
  for (const operation of operations) {
    routes.on(operation.method.toUpperCase(), patternOf(operation.path), bearer.middleware(operation), (c) =>
      answer({ broker: forRequest(broker, c.get('requestId')), bearer }, operation, c),
    );
  }
  return routes;
}

/** `/connection/{connection_id}` as Hono writes it. */
function patternOf(path: string): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

type Parts = { readonly broker: Broker; readonly bearer: RestBearer };

async function answer({ broker, bearer }: Parts, operation: Operation, c: Context<RestEnv>): Promise<Response> {
  try {
    const input = await readInputs(operation, c);
    const principal = await actingFor(broker, c.var.principal, readIdentity(headOfContext(c), userHeader), userHeader);
    const call = { broker, principal, signal: c.req.raw.signal };
    return c.json((await operation.run(call, input)) as object);
  } catch (error) {
    const { status, body, headers } = failureOf(operation, error);
    // The name and nothing else: messages of other libraries may quote what was sent.
    if (status === 500 && !(error instanceof KeywardError)) {
      broker.log.error('rest.failed', {
        operation: operation.operationId,
        name: error instanceof Error ? error.name : typeof error,
      });
    }
    if (hasCode(error, 'insufficient_scope')) bearer.challengeScope(c, c.var.principal, operation.scope);
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
    return c.json(body as object, status as ContentfulStatusCode);
  }
}

/** Everything that was sent, read with the operation's schemas; `invalid_input` names the fields. */
async function readInputs(operation: Operation, c: Context<RestEnv>): Promise<Inputs> {
  const { takes } = operation;
  const name = `${operation.method.toUpperCase()} ${operation.path}`;
  const asked = headOfContext(c);
  const header = readInput(
    name,
    takes.header,
    {
      'x-api-version': readVersion(asked),
      [userHeader]: readIdentity(asked, userHeader),
    },
    'header',
  );
  // First of all: what the rest of the request means is the version's matter.
  checkVersion(operation.family, header['x-api-version']);
  return {
    header,
    path: readInput(name, takes.path, c.req.param(), 'path'),
    query: readInput(name, takes.query, c.req.query(), 'query'),
    body: hasBody(operation) ? readInput(name, takes.body, await readJson(c), 'body') : {},
  };
}
