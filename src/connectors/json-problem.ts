import { TooDeepError } from '../json.ts';

/**
 * What is wrong with a file that is no JSON, with the line where the parser says one. Its message is not passed on: it
 * quotes the file, and somebody may have put a secret there.
 */
export function jsonProblem(text: string, error: unknown): string {
  if (error instanceof TooDeepError) return error.message;
  const at = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
  return at === undefined
    ? 'is not valid JSON'
    : `is not valid JSON: look at line ${text.slice(0, Number(at)).split('\n').length}`;
}
