/** What a tool is. One file a tool; the table is in index.ts. */
import type { ToolAnnotations } from '@modelcontextprotocol/server';
import * as z from 'zod';
import type { Broker } from '../../broker/broker.ts';
import { readInput } from '../../broker/input/read-input.ts';
import type { Principal, Scope } from '../../principal.ts';
import type { LinkRequired, Links } from '../links.ts';

/** One call of a tool: who asks, and what the connection to the client can do meanwhile. */
export type ToolCall = {
  readonly broker: Broker;
  readonly principal: Principal;
  /** Aborted when the client cancels the request or goes away. */
  readonly signal: AbortSignal;
  /** Tells the client that it is still being waited; does nothing unless it asked for progress. */
  readonly onWait: (elapsedSeconds: number, totalSeconds: number) => void;
  /** How this client can show a link to its person. */
  readonly links: Links;
};

export type Written = {
  readonly structuredContent: Record<string, unknown>;
  readonly text: string;
  /** The text is exactly the JSON of `structuredContent`. */
  readonly textIsJson: boolean;
};

/** A JSON Schema 2020-12 document whose root is an object, as MCP asks of input and output schemas. */
type ObjectSchema = { readonly [keyword: string]: unknown; readonly type: 'object' };

export type Tool = {
  readonly name: string;
  readonly title: string;
  /** Written for a model: what it does, when to use it, what it never does. */
  readonly description: string;
  readonly inputSchema: () => ObjectSchema;
  readonly outputSchema: () => ObjectSchema;
  readonly annotations: ToolAnnotations;
  /** What a bearer token needs for this tool. The broker decides; HTTP names it in its challenge. */
  readonly scope: Scope;
  /** How an answer is written: for programs, and as the text that a model reads. */
  readonly write: (answer: Record<string, unknown>) => Written;
  /** Validates the arguments and does the work. `invalid_input` names every wrong field. */
  readonly run: (call: ToolCall, args: unknown) => Promise<Record<string, unknown> | LinkRequired>;
};

type Definition<I extends z.ZodObject, O extends z.ZodObject> = Omit<
  Tool,
  'inputSchema' | 'outputSchema' | 'run' | 'write'
> & {
  /** Schemas are made when they are first needed: making all of them would cost every start 4 ms. */
  readonly input: () => I;
  readonly output: () => O;
  /** Imports what it works with, unless the first call of nearly every session does: no start pays for the rest. */
  readonly handle: (call: ToolCall, input: z.output<I>) => Promise<z.input<O> | LinkRequired>;
  /** Default: the answer, and its JSON. */
  readonly write?: Tool['write'];
};

/** Makes a tool of its definition. The JSON Schemas are made when somebody lists the tools, not at start-up. */
export function defineTool<I extends z.ZodObject, O extends z.ZodObject>(definition: Definition<I, O>): Tool {
  const { input, output, handle, write = asJson, ...rest } = definition;
  let known: I | undefined;
  const made = () => {
    known ??= input();
    return known;
  };
  return {
    ...rest,
    write,
    inputSchema: () => jsonSchema(made()),
    outputSchema: () => jsonSchema(output()),
    run: (call, args) => handle(call, readInput(definition.name, made(), inOwnWords(made(), args))),
  };
}

/**
 * A connection is a credential as others see it, and has one id. Where a tool takes it under one of its two names, the
 * other is understood. A connector may have a field of that name, so where its fields are taken nothing is changed.
 */
function inOwnWords({ shape }: z.ZodObject, args: unknown): unknown {
  if (typeof args !== 'object' || args === null || 'connectorId' in shape) return args;
  const [own, other] = 'connectionId' in shape ? ['connectionId', 'credentialId'] : ['credentialId', 'connectionId'];
  if (!(own in shape) || !Object.hasOwn(args, other) || Object.hasOwn(args, own)) return args;
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name === other ? own : name, value]));
}

/** An answer whose text is its JSON. */
export function asJson(answer: Record<string, unknown>): Written {
  return { structuredContent: answer, text: JSON.stringify(answer), textIsJson: true };
}

/** MCP takes a schema without `$schema` as 2020-12, so the keyword would only cost a model's attention. */
function jsonSchema(schema: z.ZodObject): ObjectSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return { ...rest, type: 'object' };
}
