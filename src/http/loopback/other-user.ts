/**
 * Whose program is at the other end of a connection on loopback. Any user of the computer can open one, and the address
 * of a page can be read in the list of processes while a browser is started with it.
 */
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { release } from 'node:os';

/** State of a connection that both sides hold; one that was let go of is root's in the table, whoever opened it. */
const established = '01';

/**
 * Whether {@link isOtherUsers} knows whose programs connect here: Linux says so. A browser on Windows comes into WSL by a
 * relay that no table there knows.
 */
export function tellsUsersApart(platform: NodeJS.Platform = process.platform, kernel = release()): boolean {
  return platform === 'linux' && !/microsoft/i.test(kernel);
}

/**
 * True when the other end of this connection belongs to a program of another user than this process's, root aside. Linux
 * says so (proc_pid_net(5), /proc/net/tcp); false where the system doesn't tell.
 */
export async function isOtherUsers(
  socket: Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>,
) {
  const own = process.getuid?.();
  if (!tellsUsersApart() || own === undefined) return false;
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  const [here, there] = [ends(localAddress, localPort), ends(remoteAddress, remotePort)];
  return isOtherUsersIn(tables.join('\n'), here, there, own);
}

/**
 * What `isOtherUsers` answers, by the table's text. `here` and `there` are the ends of the connection in its notation.
 */
export function isOtherUsersIn(table: string, here: readonly string[], there: readonly string[], own: number): boolean {
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  const from = (local: readonly string[], remote: readonly string[]) =>
    rows.find(([, one = '', other = '']) => local.includes(one) && remote.includes(other));
  // Without the server's own end, this is no table of this system's connections.
  if (from(here, there) === undefined) return false;
  const [, , , state, , , , uid] = from(there, here) ?? [];
  return state !== established || (uid !== String(own) && uid !== '0');
}

/** One end as both tables may write it: words of four bytes in this machine's order, then the port. */
export function ends(address = '', port = 0): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const short = address.replace(/^::ffff:/, '');
  if (short === '::1') return [`00000000000000000000000001000000:${hexPort}`];
  const word = short
    .split('.')
    .map((part) => Number(part).toString(16).toUpperCase().padStart(2, '0'))
    .reverse()
    .join('');
  return [`${word}:${hexPort}`, `0000000000000000FFFF0000${word}:${hexPort}`];
}
