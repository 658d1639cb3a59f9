/** Holds what Keyward answers against the OpenAPI document that it serves itself. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/** What of an OpenAPI document is read here. */
export type OpenApi = {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { readonly responses: Readonly<Record<string, { readonly content?: unknown }>> }>>
    >
  >;
};

/** Throws when the document has this operation and not this answer of it; other addresses are no matter of it. */
export type AnswerCheck = (method: string, url: string, status: number, body: unknown) => void;

/** @param document of `GET /openapi.json` */
export function answerCheck(document: OpenApi): AnswerCheck {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(document, 'document');
  const known = new Map<string, ValidateFunction>();
  const templates = Object.keys(document.paths).map((path) => {
    return { path, form: new RegExp(`^${path.replace(/\{\w+\}/g, '[^/]+')}$`) };
  });
  return (method, url, status, body) => {
    const { pathname } = new URL(url, 'http://keyward.example');
    const path = templates.find(({ form }) => form.test(pathname))?.path ?? '';
    const operation = document.paths[path]?.[method.toLowerCase()];
    if (operation === undefined) return;
    const response = operation.responses[status];
    if (response === undefined) throw new Error(`${method} ${path} documents no ${status}.`);
    if (response.content === undefined) {
      if (body === undefined) return;
      throw new Error(`${method} ${path} ${status} has a body that the document doesn’t know.`);
    }
    const place = [
      'paths',
      path,
      method.toLowerCase(),
      'responses',
      `${status}`,
      'content',
      'application/json',
      'schema',
    ];
    const pointer = place.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
    const validate = known.get(pointer) ?? ajv.compile({ $ref: `document#/${pointer}` });
    known.set(pointer, validate);
    if (!validate(body)) throw new Error(`${method} ${path} ${status}: ${ajv.errorsText(validate.errors)}`);
  };
}
