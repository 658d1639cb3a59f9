/** What an operation answers where it fails, as the OpenAPI document tells it. */
import { familyBody } from './errors.ts';
import { type Family, hasBody, type Operation } from './operation.ts';

type Failure = {
  readonly description: string;
  readonly message?: string;
  /** A header that the answer has, and what it says. */
  readonly header?: readonly [name: string, description: string];
};

/** Without a message it is answered where the request is no request yet, and has no body. */
const failures: Readonly<Record<number, Failure>> = {
  400: { description: 'Bad Request', message: 'The body is no valid JSON.' },
  401: {
    description: 'Unauthorized',
    message: 'This needs a valid bearer token.',
    header: ['WWW-Authenticate', 'The challenge of RFC 6750 §3, with the scope that is needed'],
  },
  403: {
    description: 'Forbidden; with a challenge where the token lacks a scope',
    message: 'You do not have access to this resource',
  },
  404: { description: 'Not Found', message: 'There is no such connector.' },
  405: {
    description: 'Method Not Allowed: the address takes other methods',
    message: 'This address takes GET, HEAD.',
    header: ['Allow', 'The methods that the address takes'],
  },
  408: { description: 'Request Timeout: the request did not arrive whole in time' },
  409: {
    description: 'Conflict: somebody else changed it first, or a person has to connect again',
    message: 'Somebody else changed this at the same moment.',
  },
  413: { description: 'Content Too Large', message: 'The body is longer than 256 KB.' },
  415: { description: 'Unsupported Media Type', message: 'The body must be application/json.' },
  417: { description: 'Expectation Failed: no other than 100-continue is known' },
  422: { description: 'Unprocessable Entity', message: 'Field required' },
  429: {
    description: 'Too Many Requests',
    message: 'Too many requests.',
    header: ['Retry-After', 'Seconds to wait'],
  },
  431: { description: 'Request Header Fields Too Large: more than 100 of them, or longer than 32 KB' },
  500: { description: 'Internal server error', message: 'Keyward failed unexpectedly.' },
  502: {
    description: 'Bad Gateway: the service answered with an error, or with what no service may answer',
    message: 'The service refused the request.',
  },
  503: {
    description: 'Unavailable',
    message: 'The vault is busy.',
    header: ['Retry-After', 'Seconds to wait, where that is known'],
  },
  507: { description: 'Insufficient Storage', message: 'There is no space left to store this.' },
};

/** What any request may meet, whatever it asks for. */
const always = [400, 401, 403, 405, 408, 417, 422, 429, 431, 500, 503, 507];

/** The responses of an operation by status, but for success. */
export function failuresOf(operation: Operation): Record<string, unknown> {
  const { family, takes, fails = [] } = operation;
  const named = Object.keys(takes.path.shape).length > 0 ? [404] : [];
  const sent = hasBody(operation) ? [413, 415] : [];
  const statuses = new Set([...always, ...named, ...sent, ...fails]);
  return Object.fromEntries([...statuses].map((status) => [status, responseOf(family, status)]));
}

function responseOf(family: Family, status: number): unknown {
  const { description, message, header } = failures[status] ?? { description: 'Failure' };
  return {
    description,
    ...(header && { headers: { [header[0]]: { description: header[1], schema: { type: 'string' } } } }),
    ...(message !== undefined && {
      content: {
        'application/json': {
          schema: { $ref: `#/components/schemas/${family === 'fishnet' ? 'PlainError' : 'Error'}` },
          example: familyBody(family, status, { message }),
        },
      },
    }),
  };
}

/** The two bodies of an error: PathStack's, which Alloy's paths have too, and Fishnet's. */
export const errorSchemas = {
  Error: {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['code', 'message'],
        properties: {
          code: { type: 'integer', title: 'Error code' },
          message: { type: 'string', title: 'Error message' },
          loc: {
            type: 'array',
            title: 'Location',
            description: 'Of a 422: where the first thing that is wrong stands',
            items: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
          },
          msg: { type: 'string', title: 'Message', description: 'Of a 422: what is wrong with it' },
          type: { type: 'string', title: 'Error Type', description: 'Of a 422: missing or value_error' },
        },
      },
    },
  },
  PlainError: {
    type: 'object',
    required: ['error'],
    properties: { error: { type: 'string', description: 'What went wrong' } },
  },
};
