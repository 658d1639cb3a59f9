/** The browser of the person at this computer. */
import open from 'open';

/** Whether there is a screen to show a page on: a desktop system, or what tells programs of Linux of one. */
export function hasBrowser(platform: NodeJS.Platform, env: NodeJS.ProcessEnv): boolean {
  const desktop = platform === 'darwin' || platform === 'win32';
  return desktop || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY || env.WSL_DISTRO_NAME);
}

/** Opens a page in the owner's browser on this computer; false when there is none, as on a machine without a screen. */
export async function openBrowser(url: string): Promise<boolean> {
  if (!hasBrowser(process.platform, process.env)) return false;
  try {
    await open(url);
    return true;
  } catch {
    return false;
  }
}
