/** One clone: made where a place says, visited there, and gone afterwards. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { longPath, type Place } from './places.ts';

const root = join(import.meta.dirname, '..', '..');
const isRoot = process.getuid?.() === 0;

/** Why this place can't be made here; undefined if it can. */
export function cannotMake({ user, noIPv6 }: Place): string | undefined {
  if (user === 'root' && !isRoot) return 'it takes root';
  if (noIPv6 === true && !works('unshare', ...withoutIPv6, 'true')) return 'it takes the right to make a network';
  if (user === 'ordinary' && isRoot && !works(process.execPath, '--version')) {
    return 'the user nobody can not run this Node';
  }
  return undefined;

  function works(command: string, ...args: readonly string[]): boolean {
    try {
      execFileSync(command, args, { ...who(user), cwd: '/', stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }
}

/** As `child_process` takes it: root runs as somebody else what an ordinary user does. */
function who(user: Place['user']): { readonly uid?: number; readonly gid?: number } {
  if (!isRoot || user !== 'ordinary') return {};
  const id = (what: string) => Number(execFileSync('id', [what, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/**
 * Clones what is committed, runs README's two commands there, and answers whether both did what README says.
 * @param bin folder of another `node`, if the clone is to run on that
 * @param log file for everything that is printed
 */
export async function visit(place: Place, bin: string | undefined, log: string): Promise<boolean> {
  const base = await mkdtemp(join(tmpdir(), 'keyward-fresh-'));
  try {
    const folder = join(base, place.folder === 'long' ? 'long'.padEnd(longPath - base.length - 1, '-') : place.folder);
    const [home, temporary] = [join(base, 'home'), join(base, 'tmp')];
    for (const made of [home, temporary]) await mkdir(made, { mode: 0o700 });
    const env = environment(place, { home, temporary, bin });
    if (env.TMPDIR !== undefined) await mkdir(env.TMPDIR, { recursive: true });
    const [first = '', ...prefix] = [
      'sh',
      '-c',
      `umask ${place.user === 'ordinary' ? '077' : '022'} && exec "$@"`,
      'sh',
    ];
    execFileSync(first, [...prefix, 'git', 'clone', '--quiet', '--no-hardlinks', root, folder], { stdio: 'inherit' });
    const as = who(place.user);
    if (as.uid !== undefined) execFileSync('chown', ['-R', `${as.uid}:${as.gid}`, base]);
    const network = place.noIPv6 === true ? ['unshare', ...withoutIPv6] : [];
    const visitor = [process.execPath, join(folder, 'scripts', 'fresh', 'visit.mjs'), JSON.stringify(place)];
    const output = createWriteStream(log);
    const child = spawn(first, [...prefix, ...network, ...visitor], {
      ...as,
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream.pipe(output, { end: false });
    const [code] = await once(child, 'close');
    output.end();
    await once(output, 'finish');
    return code === 0;
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

type Folders = { readonly home: string; readonly temporary: string; readonly bin: string | undefined };

/** The environment of whoever runs this, without what npm and an own Keyward added to it, as the place changes it. */
function environment(place: Place, { home, temporary, bin }: Folders): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|KEYWARD_)/i.test(name));
  const changes = Object.entries(place.env ?? {}).map(
    ([name, value]) => [name, value?.replace('{tmp}', temporary)] as const,
  );
  return {
    ...Object.fromEntries(inherited),
    HOME: home,
    PATH: [...(bin === undefined ? [] : [bin]), process.env.PATH].join(delimiter),
    // What is in the cache of whoever runs this is not fetched again; another user keeps one of their own.
    npm_config_cache: isRoot && place.user === 'ordinary' ? join(home, '.npm') : npmConfig('cache'),
    npm_config_registry: npmConfig('registry'),
    npm_config_prefer_offline: 'true',
    npm_config_offline: place.noIPv6 === true ? 'true' : 'false',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    ...Object.fromEntries(changes),
  };
}

/** Arguments of `unshare`: a network of its own, where loopback has no `::1`. */
const withoutIPv6 = [
  ...['--net', 'sh', '-c'],
  'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && ip link set lo up && exec "$@"',
  'sh',
];

function npmConfig(name: string): string {
  return execFileSync('npm', ['config', 'get', name], { encoding: 'utf8' }).trim();
}
