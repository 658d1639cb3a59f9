/** Whether a value can be a secret at all: what stands in for one, and what only looks like one, is none. */

/** Longest value that is looked at, in characters; no key is longer. */
const longest = 4_096;
/** A shorter value is a word that somebody chose, or an example. */
const shortest = 16;
/** Random text of that length has more different characters than this. */
const fewest = 8;

/** Values that another program fills in, paths, addresses, and files. */
const standIns = /^(?:[a-z][a-z0-9+.-]*:\/\/|\$|%|\{|\[|\.{0,2}\/|~|[a-z]:\\|-----BEGIN)/i;
const templates = /\$\{|\$\(|\{\{|[<>]|\.\.\.|\*{3}/;
/** Words of examples: as a part of a value, or, where no random text would have them, anywhere in it. */
const exampleParts =
  /(?:^|[^a-z0-9])(?:your|my|the|xxx+|todo|none|null|fake|dummy|sample|here|insert|enter|paste)(?:$|[^a-z0-9])/i;
const exampleWords = /example|changeme|placeholder|replaceme|redacted|yourkey|yourtoken|yourapi|yoursecret|notareal/i;
/** Nobody draws these from a random source. */
const runs = /(.)\1{5}|01234567|12345678|abcdefgh/i;
/** Words and numbers, joined: a name. */
const slug = /^(?:[a-z]+|\d{1,4})(?:[-_.](?:[a-z]+|\d{1,4}))+$/i;

/**
 * Keys that are made to be public: of Stripe (https://docs.stripe.com/keys), Mapbox
 * (https://docs.mapbox.com/help/glossary/access-token), PostHog (https://posthog.com/docs/api) and Supabase.
 */
const publicKeys = /^(?:pk_(?:test|live)_|pk\.|phc_)|publishable/i;

/** True for a value that random text could be. It may still be the hash of a file, or the id of a project. */
export function canBeSecret(value: string): boolean {
  if (value.length < shortest || value.length > longest || !/^[\x21-\x7e]+$/.test(value)) return false;
  if (standIns.test(value) || templates.test(value) || slug.test(value) || publicKeys.test(value)) return false;
  if (exampleParts.test(value) || exampleWords.test(value) || runs.test(value)) return false;
  return new Set(value).size >= fewest && isMixed(value);
}

/** Letters and digits; a long value can do without digits where its letters are of both cases. */
function isMixed(value: string): boolean {
  if (!/[a-z]/i.test(value)) return false;
  return /\d/.test(value) || (value.length >= 32 && /[a-z]/.test(value) && /[A-Z]/.test(value));
}
