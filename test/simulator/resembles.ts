/**
 * How the services of built-in connectors behave, as far as their documentation says: written down beside the
 * definitions, not derived from them, so that the two check each other.
 */
import { type Profile, profileOf } from './profile.ts';
import { business } from './resembles/business.ts';
import { developers } from './resembles/developers.ts';
import { families } from './resembles/families.ts';
import { money } from './resembles/money.ts';
import { people } from './resembles/people.ts';
import { social } from './resembles/social.ts';

const services = Object.entries({ ...families, ...developers, ...business, ...money, ...people, ...social });

/** Connector → the service it was written for. */
export const resembles: Readonly<Record<string, Profile>> = Object.fromEntries(
  services
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([id, behaviour]) => [id, profileOf({ about: id, ...behaviour })]),
);
