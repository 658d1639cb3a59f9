/** Which program started this one, as far as the system tells at once. */
import { readFileSync } from 'node:fs';
import { oneLine } from '../../text.ts';

/** More than any system keeps of a name. */
const longest = 40;

/** `keyward token for claude`; without the name of the program where the system has no cheap answer. */
export function forParent(command: string): string {
  const name = parentName();
  return name === null ? command : `${command} for ${name}`;
}

function parentName(): string | null {
  try {
    // proc_pid_comm(5), of Linux.
    return oneLine(readFileSync(`/proc/${process.ppid}/comm`, 'utf8'), longest);
  } catch {
    return null;
  }
}
