/** Folder of the built-in definitions. A bundle has them elsewhere, so the build replaces this module. */
export const builtinFolder = new URL('./catalogue/', import.meta.url);
