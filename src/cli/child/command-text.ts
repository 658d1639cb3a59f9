/** What a command line is called in the audit log and in a request for approval. */
import { createHash } from 'node:crypto';
import { redactText } from '../../log.ts';
import { oneLine } from '../../text.ts';
import { shellWord } from '../clients/texts.ts';

/** Longest command line, and longest folder, that is shown whole, in characters. */
const mostShown = 300;

/**
 * `keyward run in /home/ann/shop: npm run deploy`. An approval is good for one such text, so no two command lines, and not
 * the same one in two folders, have the same: where not all of it is shown, its digest follows. What looks like a secret is
 * not shown.
 */
export function commandText(command: string, argv: readonly string[], folder: string): string {
  const line = argv.map(shellWord).join(' ');
  const [shown, place] = [line, folder].map((text) => oneLine(redactText(text), mostShown) ?? '');
  const text = `${command} in ${place}: ${shown}`;
  if (shown === line && place === folder) return text;
  const digest = createHash('sha256')
    .update(JSON.stringify([folder, argv]))
    .digest('base64url')
    .slice(0, 22);
  return `${text}… ${digest}`;
}
