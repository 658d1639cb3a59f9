/** The built-in definitions: one JSON file each, read when somebody asks for it, so that no start pays for their number. */
import { readdirSync, readFileSync } from 'node:fs';
import { builtinFolder } from './catalogue-folder.ts';
import type { Connector, ConnectorFile } from './definition/definition.ts';
import type { ClientFamily } from './families.ts';

let ids: ReadonlySet<string> | undefined;

/** The id of every built-in connector, in order. */
export function builtinIds(): ReadonlySet<string> {
  ids ??= new Set(
    readdirSync(builtinFolder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => name.slice(0, -'.json'.length))
      .sort(),
  );
  return ids;
}

/** True for a definition that is part of Keyward, not a file that somebody may change. */
export function isBuiltin(id: string): boolean {
  return builtinIds().has(id);
}

/** A definition as it is written; tests have checked it, so that no start has to. Undefined for an id that is none. */
export function readBuiltin(id: string): ConnectorFile | undefined {
  if (!isBuiltin(id)) return undefined;
  return JSON.parse(readFileSync(new URL(`${id}.json`, builtinFolder), 'utf8'));
}

/**
 * The family whose clients this connector may use, or null. A connector file has none, whatever it says: it decides where
 * a secret is sent, and the clients of a family were entered for the vendor.
 */
export function familyOf(connector: Pick<Connector, 'id' | 'clientFamily'>): ClientFamily | null {
  return isBuiltin(connector.id) ? connector.clientFamily : null;
}
