/** The OpenAPI 3.1 document, made of the very schemas that requests are read with. */
import * as z from 'zod';
import { version } from '../../version.ts';
import { examples } from './examples.ts';
import { errorSchemas, failuresOf } from './failures.ts';
import { hasBody, type Operation, type Place, type Tag } from './operation.ts';

type Json = Record<string, unknown>;

const tags: Readonly<Record<Tag, string>> = {
  Connectors: 'What can be connected',
  Credentials: 'Manage credentials for connectors',
  Connections: 'Use, share, limit and end what is connected',
  'Auth configs': 'OAuth clients that were registered at services',
  Audit: 'What happened',
};

/** @param publicUrl origin that programs reach Keyward at */
export function openApiDocument(operations: readonly Operation[], publicUrl: string): Json {
  const schemas: Json = { ...errorSchemas };
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation, schemas) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Keyward',
      version,
      description:
        'Keeps people’s credentials for AI assistants. Each path keeps the naming of the interface it follows.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: publicUrl, description: 'This Keyward' }],
    security: [{ bearerAuth: [] }],
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        bearerAuth: {
          type: 'http',
          scheme: 'bearer',
          description: 'A session token of this Keyward (kw_…), or a JWT of its issuer',
        },
      },
    },
  };
}

function describe(operation: Operation, schemas: Json): Json {
  const { operationId, tag, summary, scope, takes, answers } = operation;
  const example = examples[operationId];
  const content = (schema: z.ZodType, io: 'input' | 'output', shown: unknown) => ({
    'application/json': { schema: schemaOf(schema, io, schemas), ...(shown !== undefined && { example: shown }) },
  });
  return {
    operationId,
    tags: [tag],
    summary,
    description: `Needs the scope \`${scope}\`.`,
    parameters: (['path', 'query', 'header'] as const).flatMap((place) => parametersOf(takes[place], place)),
    ...(hasBody(operation) && {
      requestBody: { required: true, content: content(takes.body, 'input', example?.body) },
    }),
    responses: {
      200: { description: 'Success', content: content(answers, 'output', example?.answer) },
      ...failuresOf(operation),
    },
  };
}

function parametersOf(schema: z.ZodObject, place: Exclude<Place, 'body'>): Json[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => {
    const { description, examples, ...rest } = property as z.core.JSONSchema.JSONSchema;
    return {
      name,
      in: place,
      required: place === 'path' || required.includes(name),
      description,
      schema: rest,
      ...(examples !== undefined && { example: examples[0] }),
    };
  });
}

/** A schema as it stands in the document. Those that have a name become components, with what is in them. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', schemas: Json): unknown {
  const { $schema: _, $defs = {}, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  for (const [name, named] of Object.entries($defs)) schemas[name] = placed(named);
  return placed(rest);
}

/** With references to where named schemas stand here. */
function placed(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/^#\/\$defs\//, '#/components/schemas/');
  if (Array.isArray(value)) return value.map(placed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, placed(one)]));
}
