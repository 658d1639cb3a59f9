/** Files of lines that were put aside, to be verified. */
import { KeywardError } from '../../errors.ts';
import { storageError } from '../../seal/private-files.ts';
import { linesOf } from '../../store/audit/file-lines.ts';

/** Lines that were put aside, by the name of their file. */
export type Archive = { readonly name: string; readonly lines: AsyncIterable<string> };

/** The archive in this file. Reading it fails with `not_found` where there is none, and with `storage_…`. */
export function archiveAt(file: string): Archive {
  return { name: file, lines: read(file) };
}

async function* read(file: string): AsyncIterable<string> {
  try {
    yield* linesOf(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw storageError(error, file);
    throw new KeywardError('not_found', `There is no archive at ${file}.`, {
      hint: 'Name files that keyward audit archive made, oldest first, with commas between them.',
    });
  }
}
