/** What keeps a statement from writing what was made under keys that were changed since. */

/** True while the keys are those of this generation. `parameter` is the statement's own, such as `$15`. */
export const underKeysOf = (parameter: string) => `(select generation from keyward_vault) = ${parameter}`;
