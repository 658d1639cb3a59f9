/** What the rules of a definition work on. */
import type { AuthMethod, Inputs } from '../connector.ts';

/** `field` is a dotted path, `rule` what it must be or have. */
export type FieldProblem = { readonly field: string; readonly rule: string };

/** What is wrong with one of the user's files. `field` is a dotted path, empty when it is the file as a whole. */
export type CatalogueProblem = { readonly file: string; readonly field: string; readonly rule: string };

/** Takes one problem. */
export type Report = (field: string, rule: string) => void;

/** One authentication type in the file, with the paths of its fields. */
export type Place = {
  readonly auth: AuthMethod;
  readonly path: string;
  /** Path of a field of `api`: the authentication type's own, else the connector's. */
  readonly apiPath: (field: 'baseUrl' | 'allowedHosts' | 'headers' | 'verify') => string;
  readonly connectorInputs: Inputs;
};
