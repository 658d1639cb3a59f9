/** Lines of a text file. */
import { createReadStream } from 'node:fs';

/** The lines, which end at line feeds and at nothing else. The last one may lack its end. Errors are those of the system. */
export async function* linesOf(file: string): AsyncIterable<string> {
  let rest = '';
  for await (const chunk of createReadStream(file, { encoding: 'utf8' })) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
