/** What was found and what became of it, in words for people and as data for programs. Never a secret. */
import { toPublic } from '../../errors.ts';
import { thisSystem } from '../clients/clients.ts';
import { exposureOf } from './exposure.ts';
import type { Finding } from './findings.ts';
import { fileOf, fixedBecause, nearHome, type Place, placeText } from './places.ts';
import { fieldNeeded, referenceTo } from './rewrite.ts';
import { shellLine } from './shell-files.ts';
import type { Stored } from './store-finding.ts';

/** File → why what is in it should be replaced at its service. */
type Exposure = ReadonlyMap<string, readonly string[]>;

/** Looks at each file once. */
export async function exposureIn(found: readonly Finding<Place>[]): Promise<Exposure> {
  const files = new Set(found.flatMap(({ spots }) => spots.flatMap(({ place }) => fileOf(place) ?? [])));
  return new Map(await Promise.all(Array.from(files, async (file) => [file, await exposureOf(file)] as const)));
}

/** Rows of a table: service, as much of the secret as may be shown, and each place. */
export function rowsOf({ connector, shown, spots }: Finding<Place>): string[][] {
  return spots.map(({ place }, index) => [...(index === 0 ? [connector.name, shown] : ['', '']), placeText(place)]);
}

/** For programs. */
export function viewOf({ connector, auth, shown, missing, elsewhere, spots }: Finding<Place>, exposure: Exposure) {
  return {
    connectorId: connector.id,
    authenticationType: auth.authenticationType,
    shown,
    missing,
    elsewhere,
    places: spots.map(({ place, field }) => ({
      field,
      file: fileOf(place),
      ...(place.kind === 'server' && { server: place.server, part: place.part }),
      name: place.name,
      replace: reasonsFor(place, exposure),
    })),
  };
}

/** What became of the files. */
export type Files = {
  /** Why no file was rewritten, as words that follow a place; null where they were. */
  readonly leftBecause: string | null;
  /** File → what is to be said of it instead of “now refers to it”. */
  readonly failed: ReadonlyMap<string, string>;
  readonly exposure: Exposure;
};

/** The lines about one finding. */
export async function outcomeOf(one: Finding<Place>, stored: Stored, files: Files): Promise<string[]> {
  const { connector, auth, shown, secrets, spots } = one;
  if (stored.kind === 'kept') {
    const { message, hint = '' } = toPublic(stored.reason);
    return [`${connector.name} ${shown}: not stored, and left where it was. ${message} ${hint}`.trim()];
  }
  const { connectionId, name, before } = stored;
  const lines = [`${connector.name} ${shown}: ${before ? 'was stored before' : 'stored'} as ${name} (${connectionId})`];
  for (const { place, field } of spots) {
    const reference = referenceTo({ connectionId, field: fieldNeeded(one, field) });
    const why = fixedBecause(place) ?? files.leftBecause?.replace('{reference}', () => reference);
    const hint = await shellHint(place, secrets[field] ?? '');
    lines.push(`  ${placeText(place)}: ${why ?? files.failed.get(fileOf(place) ?? '') ?? 'now refers to it'}${hint}`);
  }
  const reasons = [...new Set(spots.flatMap(({ place }) => reasonsFor(place, files.exposure)))];
  if (reasons.length > 0) lines.push(`  Replace it at ${auth.keyUrl ?? connector.name}, as ${reasons.join('; ')}.`);
  return lines;
}

function reasonsFor(place: Place, exposure: Exposure): string[] {
  const file = fileOf(place);
  return file === null ? [] : (exposure.get(file) ?? []).map((reason) => `${nearHome(file)} ${reason}`);
}

async function shellHint(place: Place, value: string): Promise<string> {
  if (place.kind !== 'environment') return '';
  const found = await shellLine(thisSystem().home, value);
  const where = found === null ? 'it out where it is set' : `line ${found.line} out of ${nearHome(found.file)}`;
  return `; take ${where}, and start the shell again`;
}
