/** Where a clone may stand, and how whoever runs it may have set up their computer. */

/** How one clone is made, started and tested. */
export type Place = {
  readonly name: string;
  /** The clone's folder, below a new one of mode 700. */
  readonly folder: string;
  /** `root`: root, where only root can enter. `ordinary`: without rights, and with umask 077. Without it: whoever runs this. */
  readonly user?: 'root' | 'ordinary';
  /** Changes of the environment; null takes a variable away. `{tmp}` stands for a new folder. */
  readonly env?: Readonly<Record<string, string | null>>;
  readonly closedStdin?: boolean;
  readonly noIPv6?: boolean;
  /** What has the port when `npm start` comes: another program (and PostgreSQL's usual port, too), or this person's Keyward. */
  readonly portTaken?: 'by a program' | 'by Keyward';
  /** Parts of the paths of the test files to run; without it `npm cit` runs. */
  readonly tests?: readonly string[];
};

/** Tests that start PostgreSQL, programs, browsers or servers, or look at files, folders and clocks. */
const touchy = ['postgres/tls', 'start', 'cli', 'demo', 'bundle', 'log.test', 'config', 'approval'];
const network = ['loopback', 'other-user', 'start', 'middleware', 'listener', 'net/'];
const dates = ['log.test', 'expiry', 'audit', 'start', 'seal', 'postgres/tls', 'view'];

/** 200 characters from the root of the file system, wherever the folder for temporary files is. */
export const longPath = 200;

const otherPart = { TZ: 'Pacific/Kiritimati', LC_ALL: 'tr_TR.UTF-8', LANG: 'tr_TR.UTF-8' };
const noHome = {
  HOME: null,
  XDG_DATA_HOME: '{tmp}/data',
  XDG_CONFIG_HOME: '{tmp}/config',
  XDG_STATE_HOME: '{tmp}/state',
};
const blankTmp = { TMPDIR: '{tmp}/temporary files' };
const oddName = "Анна Müller's Keyward (1)";

export const places: readonly Place[] = [
  { name: 'root', folder: 'keyward', user: 'root' },
  { name: 'ordinary-user', folder: 'keyward', user: 'ordinary' },
  { name: 'odd-path', folder: oddName },
  { name: 'long-path', folder: 'long' },
  { name: 'no-home', folder: 'keyward', env: noHome, tests: touchy },
  { name: 'blank-tmpdir', folder: 'keyward', env: blankTmp, tests: touchy },
  { name: 'ports-taken', folder: 'keyward', portTaken: 'by a program', tests: touchy },
  { name: 'other-keyward', folder: 'keyward', portTaken: 'by Keyward', tests: touchy },
  { name: 'no-ipv6', folder: 'keyward', noIPv6: true, tests: network },
  { name: 'other-part-of-the-world', folder: 'keyward', env: otherPart, tests: dates },
  { name: 'no-scripts', folder: 'keyward', env: { npm_config_ignore_scripts: 'true' }, tests: touchy },
  { name: 'closed-stdin', folder: 'keyward', closedStdin: true, tests: touchy },
];

/** Everything at once, in two clones: when one of them fails, the long run says which of it was to blame. */
export const smallPlaces: readonly Place[] = [
  {
    name: 'small-root',
    folder: oddName,
    user: 'root',
    env: { ...noHome, ...blankTmp, npm_config_ignore_scripts: 'true' },
    closedStdin: true,
    tests: ['start', 'postgres/tls', 'bundle'],
  },
  {
    name: 'small-ordinary-user',
    folder: 'long',
    user: 'ordinary',
    env: otherPart,
    portTaken: 'by Keyward',
    tests: ['start', 'postgres/tls', 'log.test'],
  },
];
