import { Ajv2020, type AnySchema } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { listedTools, tools } from '../../src/mcp/tools/index.ts';

const readByModel = listedTools().map(({ name, description, inputSchema }) => ({ name, description, inputSchema }));

/** An estimate that needs no tokenizer: four characters a token. */
const tokens = (value: unknown) => JSON.stringify(value).length / 4;

describe('the tool table', () => {
  it('63. tool names, descriptions and schemas are a reviewed snapshot; any change fails until approved', async () => {
    const table = listedTools().map((tool) => ({ ...tool, scope: tools.get(tool.name)?.scope }));
    await expect(`${JSON.stringify(table, null, 2)}\n`).toMatchFileSnapshot('tools.snapshot.txt');
  });

  it('costs a model at most 3,500 tokens to read', () => {
    expect(tokens(readByModel)).toBeLessThanOrEqual(3_500);
  });

  it('describes every tool to a model: what it does and what it never does', () => {
    for (const { name, description } of readByModel) {
      expect(description, name).toMatch(/\bnever\b/i);
      expect(description?.length, name).toBeGreaterThan(80);
    }
  });

  it('lists schemas that compile as JSON Schema 2020-12 and have an object at their root', () => {
    const ajv = new Ajv2020({ strict: true });
    addFormats.default(ajv);
    for (const { inputSchema, outputSchema } of listedTools()) {
      for (const schema of [inputSchema, outputSchema]) {
        expect(schema?.type).toBe('object');
        expect(() => ajv.compile(schema as AnySchema)).not.toThrow();
      }
    }
  });

  it('lets only create_credential take fields that it does not name', () => {
    const open = listedTools().filter(({ inputSchema }) => inputSchema.additionalProperties !== false);
    expect(open.map(({ name }) => name)).toEqual(['create_credential']);
  });

  it('never calls a tool read-only that releases a secret or changes something', () => {
    const readOnly = listedTools().filter(({ annotations }) => annotations?.readOnlyHint);
    expect(readOnly.map(({ name }) => name)).toEqual([
      'list_connectors',
      'get_credential_metadata',
      'check_attempt',
      'list_credentials',
      'get_connection',
    ]);
  });
});
