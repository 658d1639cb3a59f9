/** The interface documents as their vendors publish them, and validators for what they say. */
import { readFile } from 'node:fs/promises';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

type Json = { readonly [name: string]: Json | undefined } & { readonly [index: number]: Json };

/** The OpenAPI text inside one of the documents. */
export async function readInterface(name: string): Promise<Json> {
  const text = await readFile(new URL(`../../fixtures/interfaces/${name}.md`, import.meta.url), 'utf8');
  const [, yaml = ''] = /`{4,}yaml[^\n]*\n([\s\S]*?)\n`{4,}/.exec(text) ?? [];
  return parse(yaml) as Json;
}

/** Checks the JSON body of an answer with this status against the document; throws when it documents none. */
export function answerValidator(document: Json, path: string, method: string, status: number): ValidateFunction {
  return compile(document, ['paths', path, method, 'responses', String(status)]);
}

/** Checks a request body against the document. */
export function requestValidator(document: Json, path: string, method: string): ValidateFunction {
  return compile(document, ['paths', path, method, 'requestBody']);
}

function compile(document: Json, place: readonly string[]): ValidateFunction {
  // OpenAPI's own words (example, discriminator) are no JSON Schema.
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  // FastAPI writes `uuid4`; Ajv knows `uuid`.
  ajv.addFormat('uuid4', /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  ajv.addSchema(document, 'document');
  const pointer = [...place, 'content', 'application/json', 'schema'].map((part) =>
    encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
  );
  return ajv.compile({ $ref: `document#/${pointer.join('/')}` });
}
