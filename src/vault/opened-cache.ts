/** Secrets that were opened a moment ago: a program that calls all the time need not have the same one opened each time. */

/** They are forgotten all at once, this long after the first was opened: secrets do not stay in memory for good. */
const rememberedMs = 10_000;

/** By row as the store has it: one that changed is another one, and a store that reads rows anew remembers nothing. */
export function createLately<Secret extends object>() {
  let opened: WeakMap<object, Secret> | undefined;
  return {
    of(row: object, open: () => Secret): Secret {
      const known = opened?.get(row);
      if (known !== undefined) return known;
      const secret = open();
      if (opened === undefined) {
        opened = new WeakMap();
        setTimeout(() => {
          opened = undefined;
        }, rememberedMs).unref();
      }
      opened.set(row, secret);
      return secret;
    },
  };
}
