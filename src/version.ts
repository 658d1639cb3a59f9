import manifest from '../package.json' with { type: 'json' };

/** The version of this Keyward, as in package.json. */
export const version: string = manifest.version;

/** What the package is called on npm. */
export const packageName: string = manifest.name;
