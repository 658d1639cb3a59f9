/** Tables in Markdown pages that are made from the program's own tables, each between two comments that name it. */

/** A table as the page shows it: cells are Markdown, and a `|` in one does not end it. */
export type Table = {
  /** The word in the two comments around it: `<!-- options -->` and `<!-- /options -->`. */
  readonly name: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
};

/** The text with a fresh table between its comments. */
export function withTable(text: string, { name, head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const lines = [line(head), line(head.map(() => '---')), ...rows.map(line)];
  const between = new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`);
  return text.replace(between, (_, start: string, end: string) => `${start}${lines.join('\n')}\n${end}`);
}

/** Words as they are, also where they hold what Markdown would take for a tag. */
export const plain = (words: string): string => words.replaceAll('<', '&lt;');

/** A code span; nothing for no words. */
export const code = (words: string | undefined): string => (words ? `\`${words}\`` : '');
