/** The owner's own browser, on the computer that Keyward runs on. */
import open from 'open';

/** Opens a page of this process in it; false when there is none, as on a machine without a screen. */
export async function openBrowser(url: string): Promise<boolean> {
  const { platform, env } = process;
  const screen =
    platform === 'darwin' || platform === 'win32' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY || env.WSL_DISTRO_NAME);
  if (!screen) return false;
  try {
    await open(url);
    return true;
  } catch {
    return false;
  }
}
