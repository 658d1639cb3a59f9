/** Rows as text in aligned columns; the last column is as long as it is. Every cell is `plain`. */
export function table(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(plain));
  const widths = (shown[0] ?? []).map((_, column) => Math.max(...shown.map((row) => row[column]?.length ?? 0)));
  const lines = shown.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/**
 * One line that a terminal shows as it is. Clients name themselves, services name accounts and clients, files name
 * themselves: what they say must not move a cursor, fill a clipboard, or turn the reading direction.
 */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, '?');
}

/** For programs: one JSON document on stdout, in which a terminal finds nothing to obey either. */
export function printJson(value: unknown): void {
  const escaped = (sign: string) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const text = JSON.stringify(value, null, 2).replace(/[\u007f-\u009f\p{Bidi_Control}]/gu, escaped);
  process.stdout.write(`${text}\n`);
}

/** “1 connection”, “2 connections”. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
