/** The browser of the person at this computer. */
import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { html } from 'hono/html';
import open from 'open';
import { tellsUsersApart } from './other-user.ts';

/** A browser that has not read its file by then does not open it any more, in milliseconds. */
const keptMs = 60_000;

/** Whether there is a screen to show a page on: a desktop system, or what tells programs of Linux of one. */
export function hasBrowser(platform: NodeJS.Platform, env: NodeJS.ProcessEnv): boolean {
  const desktop = platform === 'darwin' || platform === 'win32';
  return desktop || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY || env.WSL_DISTRO_NAME);
}

/** Opens a page in the owner's browser on this computer; false when there is none, as on a machine without a screen. */
export async function openBrowser(url: string): Promise<boolean> {
  if (!hasBrowser(process.platform, process.env)) return false;
  try {
    await open(await targetFor(url, tellsUsersApart()));
    return true;
  } catch {
    return false;
  }
}

/**
 * What the browser is started with, which everybody on this computer can read in the list of processes: the link, where
 * it is good for nobody else's programs, or else the path of a file that leads on to it and that this user alone can read.
 * A browser in a sandbox of Linux can't read such a file. It is there for a minute, or until this process ends.
 *
 * @param apart whether programs of other users are told apart
 */
export async function targetFor(url: string, apart: boolean): Promise<string> {
  if (apart) return url;
  const folder = await mkdtemp(join(tmpdir(), 'keyward-open-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  setTimeout(() => {
    process.off('exit', remove);
    remove();
  }, keptMs).unref();
  const file = join(folder, 'open.html');
  await writeFile(file, `${leadingTo(url)}`, { mode: 0o600, flag: 'wx' });
  return file;
}

function leadingTo(url: string) {
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url=${url}">
<title>Keyward</title>
<p><a href="${url}">Go on to Keyward</a></p>
</html>
`;
}
