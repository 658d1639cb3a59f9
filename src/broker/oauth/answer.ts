/** Reading the bodies that authorization servers send, whatever they call them. */
import { parseJson } from '../../json.ts';

export type Answer = Readonly<Record<string, unknown>>;

/**
 * A JSON object, or a form-encoded body (GitHub's default, and what some servers send whatever they are asked for).
 * Null when it is neither: an HTML page, an empty body, garbage.
 */
export function parseAnswer(body: Uint8Array): Answer | null {
  const text = new TextDecoder().decode(body).trim();
  try {
    const json: unknown = parseJson(text);
    return isObject(json) ? json : null;
  } catch {
    return /^[\w.~%+-]+=[^<>\s]*$/.test(text) ? Object.fromEntries(new URLSearchParams(text)) : null;
  }
}

/** The value at a dotted path (`authed_user.id`, `0.name` in a list); own properties only. */
export function valueAt(answer: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, name) => (isHolder(value) && Object.hasOwn(value, name) ? value[name] : undefined),
      answer,
    );
}

/** The text of a field; null when it is absent, empty or no text. */
export function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A number, also one that is written as text; null for anything else and for what is not above zero. */
export function positiveNumber(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number > 0 ? number : null;
}

/** Most scopes of one answer that are read; no service grants as many. */
const maxScopes = 200;

/**
 * Scope tokens (RFC 6749 §3.3) and nothing else. They are shown to people and models: what has spaces in it, or no end,
 * is a text that somebody wants to be read.
 */
export function scopeTokens(values: readonly unknown[]): string[] {
  return values
    .filter((value) => typeof value === 'string')
    .filter((value) => /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/.test(value))
    .slice(0, maxScopes);
}

/** Plain values of these fields, as text; what is missing, structured or holds control characters is left out. */
export function keepFields(names: readonly string[], ...sources: readonly (Answer | null)[]): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of names) {
    const value = sources.map((source) => valueAt(source, name)).find((found) => isScalar(found));
    if (isScalar(value)) kept[name] = String(value);
  }
  return kept;
}

function isScalar(value: unknown): value is string | number | boolean {
  if (typeof value === 'string') return value !== '' && !/\p{Cc}/u.test(value);
  return typeof value === 'number' || typeof value === 'boolean';
}

function isHolder(value: unknown): value is Record<string, unknown> {
  return isObject(value) || Array.isArray(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
