/** The OpenAPI 3.1 document, made of the very schemas that requests are read with. */
import * as z from 'zod';
import { version } from '../../version.ts';
import { type Family, hasBody, type Operation, type Place } from './operation.ts';

/** The document for a service at this origin. */
export function openApiDocument(operations: readonly Operation[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Keyward',
      version,
      description:
        'Keeps people’s credentials for AI assistants. Each path keeps the naming of the interface it follows.',
    },
    paths,
    components: {
      schemas: { Error: errorSchema.pathstack, PlainError: errorSchema.fishnet },
      securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } },
    },
    security: [{ bearerAuth: [] }],
  };
}

function describe(operation: Operation): Record<string, unknown> {
  const { operationId, summary, scope, takes, answers } = operation;
  const parameters = (['path', 'query', 'header'] as const).flatMap((place) => parametersOf(takes[place], place));
  const schema = errorRef(operation.family);
  const failures = statuses(operation).map((status) => [
    status,
    { description: descriptions[status] ?? 'Failure', content: { 'application/json': { schema } } },
  ]);
  return {
    operationId,
    summary,
    description: `Needs the scope \`${scope}\`.`,
    parameters,
    ...(hasBody(operation)
      ? { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(takes.body, 'input') } } } }
      : {}),
    responses: {
      200: { description: 'Success', content: { 'application/json': { schema: schemaOf(answers, 'output') } } },
      ...Object.fromEntries(failures),
    },
  };
}

const descriptions: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
  500: 'Internal server error',
  502: 'Bad Gateway: the service answered with an error, or with what no service may answer',
  503: 'Unavailable',
  507: 'Insufficient Storage',
};

function statuses(operation: Operation): number[] {
  const always = [401, 403, 429, 500, 503, 507];
  if (operation.family === 'fishnet') return always;
  return [...always, 400, 404, 409, 422, 502, ...(hasBody(operation) ? [413, 415] : [])].sort((a, b) => a - b);
}

function parametersOf(schema: z.ZodObject, place: Exclude<Place, 'body'>): unknown[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: property,
  }));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

function errorRef(family: Family) {
  return { $ref: `#/components/schemas/${family === 'fishnet' ? 'PlainError' : 'Error'}` };
}

const errorSchema = {
  pathstack: {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['code', 'message'],
        properties: {
          code: { type: 'integer' },
          message: { type: 'string' },
          loc: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'integer' }] } },
          msg: { type: 'string' },
          type: { type: 'string' },
        },
      },
    },
  },
  fishnet: { type: 'object', required: ['error'], properties: { error: { type: 'string' } } },
};
