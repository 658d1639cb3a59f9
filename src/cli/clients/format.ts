/** What a language of clients' files has to be able to do. */

/** What stands in the file under the name of a server. */
export type Entry = Readonly<Record<string, unknown>>;

/** All of it throws a SyntaxError whose message goes on after the name of the file. */
export type Format = {
  parse(text: string): Promise<unknown>;
  /** The text with this entry, or (null) without it; what is there otherwise keeps every byte. */
  edit(text: string, key: string, name: string, entry: Entry | null): Promise<string>;
  /** Every value and every comment of the text, in order: what may be a secret. */
  spots(text: string): Promise<readonly Spot[]>;
};

/** A stretch of a text: a value that is no table or list, or a comment (`value` null). */
export type Spot = { readonly from: number; readonly to: number; readonly value: unknown };
