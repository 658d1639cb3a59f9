/** What makes a bundle start faster. */
import { readFile } from 'node:fs/promises';
import type { Plugin } from 'rolldown';

/** What Keyward has no use for in libraries, above all where starting takes it: files by the end of their path, and what becomes of them. */
const changes = new Map<RegExp, (source: string) => string>([
  // Zod's error messages in fifty languages.
  [/[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/, () => "export { default as en } from './en.js';"],
  // The MCP SDK's JSON Schema validator: it checks the answers to form elicitation, and Keyward elicits URLs only.
  [
    /[\\/]@modelcontextprotocol[\\/]server[\\/]dist[\\/]shimsNode\.mjs$/,
    () => `export { default as process } from 'node:process';
           export class DefaultJsonSchemaValidator {
             getValidator() { throw new Error('This build has no JSON Schema validator.'); }
           }`,
  ],
  // That validator in the SDK's client, which asks servers for their tools and calls none.
  [
    /[\\/]@modelcontextprotocol[\\/]client[\\/]dist[\\/]shimsNode\.mjs$/,
    () => `export { default as process } from 'node:process';
           export const CORS_IS_POSSIBLE = false;
           export class DefaultJsonSchemaValidator {
             getValidator() { throw new Error('This build has no JSON Schema validator.'); }
           }`,
  ],
  // libsodium decodes its WebAssembly, 290 KB of base64, letter by letter, which took 5 ms of every start.
  [
    /[\\/]libsodium(-sumo)?[\\/]dist[\\/]modules(-sumo)?-esm[\\/]libsodium(-sumo)?\.mjs$/,
    (source) =>
      source.replace(/\(\w+=>\{for\(var [^{}]*;return \w+\}\)(?=\("AGFzbQ)/, '(text=>Buffer.from(text,"base64"))'),
  ],
  // Notes about what of Koa is old, for who writes with it: they would go to stderr, by way of `eval`.
  [
    /[\\/]node_modules[\\/]depd[\\/]index\.js$/,
    () => 'module.exports = () => Object.assign(() => {}, { function: (call) => call, property: () => {} });',
  ],
  // What oidc-provider and Koa write to stderr for whoever sets DEBUG, with requests and all that is in them.
  [
    /[\\/]node_modules[\\/]debug[\\/]src[\\/]index\.js$/,
    () => 'module.exports = () => Object.assign(() => {}, { enabled: false });',
  ],
]);

const done = new Set<RegExp>();

export const lighter: readonly Plugin[] = [...changes].map(([filter, change]) => ({
  name: `lighter ${filter}`,
  load: {
    filter: { id: filter },
    async handler(id) {
      const source = await readFile(id, 'utf8');
      const code = change(source);
      if (code !== source) done.add(filter);
      return code;
    },
  },
}));

/** Those of the libraries above that the bundle did not hold in the form that is changed: a new version may look different. */
export function notMadeLighter(): RegExp[] {
  return [...changes.keys()].filter((filter) => !done.has(filter));
}

/**
 * What V8 reads as fast as it can: a source with one letter beyond ASCII is kept in two bytes a letter, and each start decodes,
 * scans and collects them. An escape means the letter in texts, templates and regular expressions alike; the backslash that
 * needs no letter behind it goes.
 */
export function inAscii(code: string): string {
  if (/\braw`[^`]*[^\0-\x7f]/.test(code)) throw new Error('A raw template would show the escape of a letter.');
  return code.replace(/\\[\0-\x7f]|\\?([^\0-\x7f])/g, (all, letter?: string) =>
    letter === undefined ? all : `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
