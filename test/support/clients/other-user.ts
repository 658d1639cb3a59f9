/** A program of another user of this computer. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import { raw } from './raw-http.ts';

const run = promisify(execFile);

/** The status that a program of somebody else gets there: root can be anybody, anybody else lets Keyward be another one. */
export async function statusForOthers(url: string): Promise<number> {
  const own = process.getuid?.() ?? 0;
  if (own !== 0) {
    const asked = vi.spyOn(process, 'getuid').mockReturnValue(own + 1);
    const { status } = await raw(new URL(url).origin, new URL(url).pathname);
    asked.mockRestore();
    return status;
  }
  const script = `fetch(${JSON.stringify(url)}).then(({ status }) => console.log(status))`;
  const { stdout } = await run(process.execPath, ['--eval', script], { uid: 65_534, gid: 65_534, cwd: '/' });
  return Number(stdout);
}
