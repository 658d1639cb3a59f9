/** The configuration table of README.md, made from the option table that the program itself reads. */
import { describeOptions } from '../src/config/config.ts';

const markers = /(<!-- options -->\n)[\s\S]*?(<!-- \/options -->)/;

/** The text with a fresh table between its markers. */
export function withOptionTable(text: string): string {
  const plain = (words: string) => words.replaceAll('<', '&lt;').replaceAll('|', '\\|');
  const rows = describeOptions().map(
    ({ variable, flag, byDefault, help }) =>
      `| \`${variable}\` | ${flag === undefined ? '' : `\`${flag}\``} | ${plain(byDefault)} | ${plain(help)} |`,
  );
  const table = ['| variable | flag | default | meaning |', '| --- | --- | --- | --- |', ...rows];
  return text.replace(markers, (_, start: string, end: string) => `${start}${table.join('\n')}\n${end}`);
}
