/** The folders and files of Keyward: whether they can be written, and by whom else they can be read or changed. */
import { mkdtemp, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { isReadableByOthers, strangerTo } from '../../trusted-files.ts';
import { shellWord } from '../clients/texts.ts';
import { exists, fallbackKeyFile } from '../keyward.ts';
import { type Check, type Finding, ok, wrong } from './finding.ts';

/** @param config one whose folders are those that were meant */
export function fileChecks(config: Config): readonly Check[] {
  const { configDir, store, key } = config;
  const vault = store.kind === 'file' ? store.path : null;
  const own = fallbackKeyFile(config);
  return [
    ...(vault === null ? [] : [{ name: 'vault folder', look: () => folderFindings('vault folder', dirname(vault)) }]),
    { name: 'config folder', look: () => folderFindings('config folder', configDir) },
    { name: 'config folder', look: () => strangerFindings('config folder', configDir) },
    ...(vault === null ? [] : [{ name: 'vault file', look: () => secretFindings('vault file', vault) }]),
    { name: 'key file', look: () => secretFindings('key file', key.keyFile ?? own) },
    ...(key.keyFile === undefined ? [] : [{ name: 'key file', look: () => strangerFindings('key file', own) }]),
  ];
}

/** Whether files can be made there; where it is yet to be made, whether it can. */
async function folderFindings(name: string, folder: string): Promise<Finding[]> {
  const place = await nearest(folder);
  const chown = `Make it yours: mkdir -p ${shellWord(folder)} && chmod 700 ${shellWord(folder)}; or set KEYWARD_HOME to a folder of yours.`;
  if (!(await stat(place)).isDirectory()) return [wrong(name, `${folder}: ${place} is no folder`, chown)];
  try {
    // Being asked, a system says yes where it then refuses: a full or read-only disk, a folder of the kernel's.
    await rmdir(await mkdtemp(join(place, '.keyward-doctor-')));
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    return [wrong(name, `${folder}: nothing can be written in ${place} (${code})`, chown)];
  }
  return [ok(name, place === folder ? `${folder} can be written` : `${folder} is made at the first start`)];
}

/** The folder itself, or the nearest one above it that there is. */
async function nearest(folder: string): Promise<string> {
  if ((await exists(folder)) || dirname(folder) === folder) return folder;
  return nearest(dirname(folder));
}

/** What decides where secrets go, or opens them, must be nobody else's to change. */
async function strangerFindings(name: string, path: string): Promise<Finding[]> {
  if (!(await exists(path))) return [];
  const rule = await strangerTo(path);
  if (rule === null) return [ok(name, `${path} can be changed by you alone`)];
  return [
    wrong(name, `${path} ${rule}`, `Run: chmod go-w ${shellWord(path)} (and every folder above it that is yours)`),
  ];
}

async function secretFindings(name: string, file: string): Promise<Finding[]> {
  if (!(await exists(file))) return [];
  if (!(await isReadableByOthers(file))) return [ok(name, `${file} can be read by you alone`)];
  return [wrong(name, `${file} can be read by other users of this computer`, `Run: chmod 600 ${shellWord(file)}`)];
}
