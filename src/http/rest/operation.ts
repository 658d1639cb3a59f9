/** What an operation of REST is: its address, what it takes and answers, and the one call that it makes. */
import type { Context, MiddlewareHandler } from 'hono';
import * as z from 'zod';
import type { Broker } from '../../broker/broker.ts';
import { maxLimit } from '../../broker/input/paging.ts';
import type { Principal, Scope } from '../../principal.ts';
import { userHeader } from '../listener/request-head.ts';

/** Each documented system has error bodies and versions of its own. */
export type Family = 'alloy' | 'pathstack' | 'fishnet';

/** What an operation is about; the groups of the OpenAPI document, named as the documented systems name theirs. */
export type Tag = 'Connectors' | 'Credentials' | 'Connections' | 'Auth configs' | 'Audit';

/** What the bearer check sets for the handlers behind it. */
export type RestEnv = { Variables: { principal: Principal; requestId: string } };

/** The bearer check as REST needs it. */
export type RestBearer = {
  /** Answers 401 in the words of the operation's family, with its scope, else sets `c.var.principal`. */
  readonly middleware: (operation: Operation) => MiddlewareHandler;
  /** Adds the challenge for a principal that lacks a scope. */
  readonly challengeScope: (c: Context, principal: Principal, scope: Scope) => void;
};

/** The name of a user. */
export const userField = z
  .string()
  .min(1)
  .max(500)
  .meta({ examples: ['ann'] });

/** The header of operations that somebody may do for the users whom it acts for. */
export const forUser = {
  [userHeader]: userField.optional().meta({ description: 'The user whose credentials are meant' }),
};

/** The query of a list that goes page by page. */
export const paging = {
  cursor: z.string().max(1_000).optional().describe('The nextCursor of the page before'),
  limit: z.coerce.number().int().min(1).max(maxLimit).optional().describe('How many there may be on the page'),
};

type Call = { readonly broker: Broker; readonly principal: Principal; readonly signal: AbortSignal };

/** What is wrong where: a path, query or header name, or a field of the body. */
export type Place = 'path' | 'query' | 'header' | 'body';

export type Operation = {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/connection/{connection_id}`. */
  readonly path: string;
  readonly family: Family;
  readonly tag: Tag;
  readonly operationId: string;
  readonly summary: string;
  /** The scope that a bearer token needs. */
  readonly scope: Scope;
  /** Statuses of errors that it can answer, besides those of every operation. */
  readonly fails?: readonly number[];
  /** What it takes, by place. */
  readonly takes: Readonly<Record<Place, z.ZodObject>>;
  readonly answers: z.ZodType;
  readonly run: (call: Call, input: Inputs) => Promise<unknown>;
};

/** What was sent, read and checked, by place. */
export type Inputs = Readonly<Record<Place, Record<string, unknown>>>;

type Shape = Readonly<Record<string, z.ZodType>>;

type Definition<P extends Shape, Q extends Shape, H extends Shape, B extends z.ZodObject, A extends z.ZodType> = Omit<
  Operation,
  'takes' | 'answers' | 'run'
> & {
  readonly params?: P;
  readonly query?: Q;
  readonly headers?: H;
  readonly body?: B;
  readonly answers: A;
  readonly handle: (
    call: Call,
    input: {
      path: z.output<z.ZodObject<P>>;
      query: z.output<z.ZodObject<Q>>;
      header: z.output<z.ZodObject<H>>;
      body: z.output<B>;
    },
  ) => Promise<z.input<A>>;
};

/** Makes an operation of its definition. */
export function defineOperation<
  A extends z.ZodType,
  P extends Shape = Record<never, never>,
  Q extends Shape = Record<never, never>,
  H extends Shape = Record<never, never>,
  B extends z.ZodObject = z.ZodObject,
>(definition: Definition<P, Q, H, B, A>): Operation {
  const { params, query, headers, body, answers, handle, ...rest } = definition;
  return {
    ...rest,
    takes: {
      path: z.object(params ?? {}),
      query: z.object(query ?? {}),
      header: z.object(headers ?? {}),
      body: body ?? z.object({}),
    },
    answers,
    // Every place was read with the very schema that types it here.
    run: (call, input) => handle(call, input as Parameters<typeof handle>[1]),
  };
}

/** True when the operation takes a body. */
export function hasBody({ method }: Operation): boolean {
  return method === 'post' || method === 'put' || method === 'patch';
}
