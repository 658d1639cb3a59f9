/** The files in which MCP clients keep their servers: where they are, and that Keyward changes nothing of others in them. */
import { mkdirSync } from 'node:fs';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Client, clientFiles, clients } from '../../src/cli/clients/clients.ts';
import { type ClientConfig, readConfig, replaceConfig } from '../../src/cli/clients/config-file.ts';
import { diffOf } from '../../src/cli/clients/diff.ts';
import { planRemoval, planSetup } from '../../src/cli/clients/plan.ts';
import { editServer, readServers, type Server } from '../../src/cli/clients/servers.ts';
import { type Disk, realDisk } from '../../src/store/json/disk.ts';

const launch = { command: '/usr/bin/node', args: ['/a b/main.js', 'stdio'], env: { KEYWARD_HOME: '/home/ann/k"é' } };
const entry = { command: launch.command, args: launch.args, env: launch.env };

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'keyward-clients-')));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const client = (id: string): Client => clients.find((one) => one.id === id) ?? expect.fail(id);
const configOf = (id: string, text: string): ClientConfig => ({
  client: client(id),
  path: '/nowhere',
  text,
  mark: '',
  bytes: Buffer.from(text),
});

/** A client's file in the folder. */
async function put(id: string, content: string | Buffer, mode = 0o640): Promise<{ client: Client; path: string }> {
  const path = join(folder, 'config');
  await writeFile(path, content);
  await chmod(path, mode);
  return { client: client(id), path };
}

describe('where they are', () => {
  const places = (platform: NodeJS.Platform, home: string, env: NodeJS.ProcessEnv = {}) =>
    Object.fromEntries(clients.map(({ id, file }) => [id, file({ platform, home, env })]));

  it('is what each vendor documents, on Linux, macOS and Windows', () => {
    expect(places('linux', '/home/ann')).toEqual({
      'claude-desktop': '/home/ann/.config/Claude/claude_desktop_config.json',
      'claude-code': '/home/ann/.claude.json',
      cursor: '/home/ann/.cursor/mcp.json',
      vscode: '/home/ann/.config/Code/User/mcp.json',
      windsurf: '/home/ann/.codeium/windsurf/mcp_config.json',
      codex: '/home/ann/.codex/config.toml',
      gemini: '/home/ann/.gemini/settings.json',
      zed: '/home/ann/.config/zed/settings.json',
    });
    expect(places('darwin', '/Users/ann', { XDG_CONFIG_HOME: '/Users/ann/xdg' })).toMatchObject({
      'claude-desktop': '/Users/ann/Library/Application Support/Claude/claude_desktop_config.json',
      'claude-code': '/Users/ann/.claude.json',
      vscode: '/Users/ann/Library/Application Support/Code/User/mcp.json',
      zed: '/Users/ann/.config/zed/settings.json',
    });
    const roaming = String.raw`D:\Roaming`;
    expect(places('win32', String.raw`C:\Users\ann`, { APPDATA: roaming })).toEqual({
      'claude-desktop': String.raw`D:\Roaming\Claude\claude_desktop_config.json`,
      'claude-code': String.raw`C:\Users\ann\.claude.json`,
      cursor: String.raw`C:\Users\ann\.cursor\mcp.json`,
      vscode: String.raw`D:\Roaming\Code\User\mcp.json`,
      windsurf: String.raw`C:\Users\ann\.codeium\windsurf\mcp_config.json`,
      codex: String.raw`C:\Users\ann\.codex\config.toml`,
      gemini: String.raw`C:\Users\ann\.gemini\settings.json`,
      zed: String.raw`D:\Roaming\Zed\settings.json`,
    });
    expect(places('win32', String.raw`C:\Users\ann`)).toMatchObject({
      zed: String.raw`C:\Users\ann\AppData\Roaming\Zed\settings.json`,
    });
  });

  it('follows the variables that the vendors document, unless they are relative', () => {
    const env = { XDG_CONFIG_HOME: '/x', CODEX_HOME: '/c', CLAUDE_CONFIG_DIR: '/cc', GEMINI_CLI_HOME: '/g' };
    expect(places('linux', '/home/ann', env)).toMatchObject({
      'claude-desktop': '/x/Claude/claude_desktop_config.json',
      'claude-code': '/cc/.claude.json',
      vscode: '/x/Code/User/mcp.json',
      codex: '/c/config.toml',
      gemini: '/g/.gemini/settings.json',
      zed: '/x/zed/settings.json',
    });
    const relative = Object.fromEntries(Object.keys(env).map((name) => [name, 'here']));
    expect(places('linux', '/home/ann', relative)).toEqual(places('linux', '/home/ann'));
  });

  it('a client is found by its file or by its folder, and not without them', async () => {
    const system = { platform: 'linux', home: folder, env: {} } as const;
    expect(await clientFiles(system)).toEqual([]);
    await mkdir(join(folder, '.cursor'));
    await writeFile(join(folder, '.claude.json'), '{}');
    expect((await clientFiles(system)).map((found) => found.client.id)).toEqual(['claude-code', 'cursor']);
  });
});

describe('reading', () => {
  it('gives every server as it stands in the file, of stdio and HTTP, in JSON and TOML', async () => {
    const placeholder = ['$', '{env:T}'].join('');
    const text = `{ // of others
      "mcpServers": { "one": { "command": "npx", "args": ["-y", "x"], "env": { "T": "${placeholder}" } },
      "two": { "serverUrl": "https://two.example/mcp", "headers": { "A": "b" }, "disabled": true }, "odd": 1, } }`;
    const servers: ReadonlyMap<string, Server> = await readServers(configOf('windsurf', text));
    expect([...servers.keys()]).toEqual(['one', 'two']);
    expect(servers.get('one')).toMatchObject({ command: 'npx', args: ['-y', 'x'], env: { T: placeholder } });
    expect(servers.get('two')).toMatchObject({ url: 'https://two.example/mcp', headers: { A: 'b' } });
    expect(servers.get('two')?.entry).toMatchObject({ disabled: true });
    const toml =
      '[mcp_servers."a b"]\ncommand = "x"\nenv.T = "v"\n[mcp_servers.h]\nurl = "https://h"\nhttp_headers = { A = "b" }\n';
    const codex = await readServers(configOf('codex', toml));
    expect(codex.get('a b')).toMatchObject({ command: 'x', env: { T: 'v' } });
    expect(codex.get('h')).toMatchObject({ url: 'https://h', headers: { A: 'b' } });
    expect((await readServers(configOf('zed', ''))).size).toBe(0);
  });

  it('153. what is no such file is refused with its place, in one sentence that quotes nothing of it', async () => {
    const refused = (id: string, text: string) =>
      editServer(configOf(id, text), 'keyward', entry).catch((error) => error.message);
    expect(await refused('cursor', '{\n  "a": "canary" "b"\n}')).toBe('/nowhere is no JSON from line 2, column 17 on.');
    expect(await refused('codex', 'a = 1\nb = canary\n')).toMatch(
      /^\/nowhere is no TOML from line 2, column \d+ on\.$/,
    );
    expect(await refused('cursor', '["canary"]')).toBe('/nowhere holds no object.');
    expect(await refused('cursor', '{ "mcpServers": ["canary"] }')).toMatch(/^\/nowhere has no object/);
    expect(await refused('cursor', '{ "mcpServers": { "keyward": 1, "keyward": {} } }')).toBe(
      '/nowhere has "keyward" twice.',
    );
    expect(await refused('cursor', '['.repeat(100_000))).toBe('/nowhere is nested too deeply.');
    expect(await refused('codex', `a = ${'['.repeat(100_000)}`)).toMatch(/^\/nowhere is n/);
    // Tables that can't be extended from outside.
    const inline = 'mcp_servers = { a = { command = "x" } }\n';
    expect(await refused('codex', inline)).toContain("can't be changed without changing more");
  });
});

/** White space and comments as people leave them. */
const gap = (eol: string) =>
  fc
    .array(
      fc.constantFrom(' ', '  ', '\t', eol, `// "mcpServers": { "keyward": 1 }, é${eol}`, '/* , } */', `/*${eol}*/`),
      {
        maxLength: 3,
      },
    )
    .map((parts) => parts.join(''));

const word = fc.string({ unit: 'binary', maxLength: 6 });

/** A JSON document in any layout: with comments, trailing commas, line ends of either kind, and others' servers in it. */
const jsonText = fc.constantFrom('\n', '\r\n').chain((eol) => {
  const space = gap(eol);
  const listed = (parts: fc.Arbitrary<string>, [open, close]: readonly [string, string]) =>
    fc
      .tuple(fc.array(fc.tuple(space, parts, space), { maxLength: 3 }), space, fc.boolean(), space)
      .map(([all, inside, trailing, last]) => {
        const body = all.map(([before, part, after]) => before + part + after).join(',');
        return open + body + (all.length > 0 && trailing ? `,${last}` : all.length > 0 ? '' : inside) + close;
      });
  const pair = (name: string, value: fc.Arbitrary<string>) =>
    fc.tuple(space, space, value).map(([before, after, text]) => `${JSON.stringify(name)}${before}:${after}${text}`);
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 2, withCrossShrink: true },
      fc.oneof(
        word.map((text) => JSON.stringify(text)),
        fc.constantFrom('1', '-0.5e3', 'true', 'null'),
      ),
      listed(tie('value'), ['[', ']']),
      listed(
        word.chain((name) => pair(`x${name}`, tie('value'))),
        ['{', '}'],
      ),
    ),
  }));
  const server = listed(
    word.chain((name) => pair(`x${name}`, value)),
    ['{', '}'],
  );
  const servers = listed(
    word.chain((name) => pair(`s${name}`, server)),
    ['{', '}'],
  );
  const others = word.chain((name) => pair(`o${name}`, value));
  const top = fc
    .tuple(
      fc.option(servers.chain((text) => pair('mcpServers', fc.constant(text)))),
      fc.array(others, { maxLength: 2 }),
    )
    .chain(([own, rest]) => {
      const parts = own === null ? rest : [...rest.slice(1), own, ...rest.slice(0, 1)];
      return fc
        .tuple(fc.array(space, { minLength: parts.length, maxLength: parts.length }), space, fc.boolean())
        .map(([gaps, last, trailing]) => {
          const body = parts.map((part, at) => gaps[at] + part).join(',');
          return `{${body}${parts.length > 0 && trailing ? ',' : ''}${last}}`;
        });
    });
  return fc.tuple(space, fc.oneof(top, fc.constant('')), space).map((parts) => parts.join(''));
});

const tomlText = fc
  .tuple(
    fc.constantFrom('\n', '\r\n'),
    fc.array(
      fc.constantFrom(
        'a = 1',
        'b.c = "[mcp_servers.keyward]"',
        '# é keyward',
        '',
        'd = """\n[mcp_servers.keyward]\n"""',
      ),
      {
        maxLength: 4,
      },
    ),
    fc.array(
      fc.constantFrom(
        '[mcp_servers.one]\ncommand = "x" # why\nargs = [\n  "a", # b\n]',
        "[mcp_servers.'two.keyward']\nurl = 'https://two'\n\n",
        '[mcp_servers.one.env]\nT = "v"',
        '[other]\nkeyward = { command = "mine" }\nwhen = 2026-11-30T10:00:00Z\nbig = 9223372036854775807',
        '[[list]]\nkeyward = 1\n# end',
      ),
      { maxLength: 4 },
    ),
    fc.boolean(),
  )
  .map(([eol, pairs, tables, ends]) => {
    const lines = [...new Set(pairs), ...new Set(tables)].join('\n') + (ends ? '\n' : '');
    return lines.replaceAll('\n', eol);
  });

/** What was added where, if nothing was taken away: `new` without these pieces is `old`. */
function onlyAdded(old: string, edited: string): boolean {
  let alike = 0;
  while (alike < old.length && old[alike] === edited[alike]) alike += 1;
  const ends = (text: string) => text.length >= old.length && text.endsWith(old.slice(alike));
  if (ends(edited)) return true;
  // A comma at one place and the entry at another one.
  for (let from = alike; from >= 0 && from > alike - 4; from -= 1) {
    if (edited[from] !== ',' || !old.startsWith(edited.slice(0, from))) continue;
    const without = edited.slice(0, from) + edited.slice(from + 1);
    let same = 0;
    while (same < old.length && old[same] === without[same]) same += 1;
    if (without.endsWith(old.slice(same))) return true;
  }
  return false;
}

describe('editing', () => {
  it('150. adds an entry to any JSON file and takes no byte away; removing it leaves every other value and comment', async () => {
    const comments = (text: string) => text.match(/\/\/[^\r\n]*|\/\*[\s\S]*?\*\//g) ?? [];
    const property = fc.asyncProperty(jsonText, async (text) => {
      const edited = await editServer(configOf('cursor', text), 'keyward', entry);
      expect(onlyAdded(text, edited)).toBe(true);
      const value = parse(edited, [], { allowTrailingComma: true });
      expect(value.mcpServers.keyward).toEqual(entry);
      const back = await editServer(configOf('cursor', edited), 'keyward', null);
      const { mcpServers = {}, ...rest } = parse(text, [], { allowTrailingComma: true }) ?? {};
      expect(parse(back, [], { allowTrailingComma: true })).toEqual({ ...rest, mcpServers });
      expect(comments(back)).toEqual(comments(text));
    });
    await fc.assert(property, { numRuns: 300 });
  });

  it('150. adds tables to any TOML file and takes no byte away; removing them leaves everything else', async () => {
    const property = fc.asyncProperty(tomlText, async (text) => {
      const edited = await editServer(configOf('codex', text), 'keyward', entry);
      expect(edited.startsWith(text)).toBe(true);
      expect((await readServers(configOf('codex', edited))).get('keyward')).toMatchObject(entry);
      const back = await editServer(configOf('codex', edited), 'keyward', null);
      expect(back.trimEnd()).toBe(text.trimEnd());
    });
    await fc.assert(property, { numRuns: 100 });
  });

  it('150. replaces only its own tables and pairs, however they are written', async () => {
    const text =
      '[mcp_servers.keyward]\ncommand = "old"\n# note\n\n[mcp_servers.keyward.env]\nA = "1"\n\n# of b\n[mcp_servers.b]\ncommand="c"\n';
    const edited = await editServer(configOf('codex', text), 'keyward', { command: 'new' });
    expect(edited).toBe('[mcp_servers.keyward]\ncommand = "new"\n# note\n\n# of b\n[mcp_servers.b]\ncommand="c"\n');
    const dotted = '[mcp_servers]\nkeyward = { command = "x" }\na.command = "y"\n';
    expect(await editServer(configOf('codex', dotted), 'keyward', { command: 'new' })).toBe(
      '[mcp_servers]\na.command = "y"\n\n[mcp_servers.keyward]\ncommand = "new"\n',
    );
    const tabs = '{\r\n\t"servers": {\r\n\t\t"keyward": { "command": "old" }, // mine\r\n\t\t"b": {},\r\n\t},\r\n}';
    expect(await editServer(configOf('vscode', tabs), 'keyward', { command: 'new' })).toBe(
      tabs.replace('{ "command": "old" }', '{\r\n\t\t\t"command": "new"\r\n\t\t}'),
    );
  });

  it('writes a file that did not exist, is empty, or holds nothing but comments', async () => {
    const fresh = `{\n  "mcpServers": {\n    "keyward": ${JSON.stringify({ command: 'x' }, null, 2).replaceAll('\n', '\n    ')}\n  }\n}\n`;
    for (const text of ['', '// only a comment\n']) {
      expect(await editServer(configOf('cursor', text), 'keyward', { command: 'x' })).toBe(text + fresh);
    }
    expect(await editServer(configOf('codex', ''), 'keyward', { command: 'x' })).toBe(
      '[mcp_servers.keyward]\ncommand = "x"\n',
    );
  });
});

describe('setup and removal', () => {
  const keyward = [{ launch, server: null }];
  const serverOf = (id: string, name: string) => ({
    launch: { ...launch, args: ['keyward.js', 'mcp', id] },
    server: { id, name },
  });
  const ids = ['46c8d332-4bc1-4cac-853b-4b5ca0a0fd40', '0b9f2f4e-8a56-4f6e-9d5e-0c3ac1f3a2b1'] as const;
  const linears = ids.map((id) => serverOf(id, 'linear'));
  const aims = [
    { wanted: keyward, gone: null },
    { wanted: linears, gone: ids },
  ];

  it('151. removal after setup gives the exact old bytes back, and no file where there was none', async () => {
    const bytes = fc.oneof(jsonText, fc.constantFrom('{}', '{"mcpServers":{}}', '{\n\t"mcpServers": {\n\t}\n}'));
    const marked = fc.tuple(fc.constantFrom('', '\uFEFF'), bytes).map((parts) => Buffer.from(parts.join('')));
    const cases = fc.oneof(
      fc.tuple(fc.constant('cursor'), fc.option(marked)),
      fc.tuple(fc.constant('codex'), fc.option(tomlText.map((text) => Buffer.from(text)))),
    );
    const property = fc.asyncProperty(cases, fc.constantFrom(...aims), async ([id, before], { wanted, gone }) => {
      await rm(folder, { recursive: true });
      mkdirSync(folder);
      const found = { client: client(id), path: join(folder, 'config') };
      if (before !== null) await writeFile(found.path, before);
      const set = await planSetup(await readConfig(found), wanted);
      await replaceConfig(set.config, set.text);
      const removal = await planRemoval(await readConfig(found), gone);
      await replaceConfig(removal.config, removal.text);
      expect(await readFile(found.path).catch(() => null)).toEqual(before);
    });
    await fc.assert(property, { numRuns: 60 });
  });

  it('239. finds the entry of a connection by its id, whatever it is called, and takes no name that is another server’s', async () => {
    const other = { url: 'https://mcp.linear.example' };
    const config = configOf('cursor', JSON.stringify({ mcpServers: { linear: other } }));
    const set = parse((await planSetup(config, linears)).text ?? '').mcpServers;
    expect(Object.keys(set)).toEqual(['linear', 'linear-keyward', 'linear-keyward-2']);
    expect(set).toMatchObject({ linear: other, 'linear-keyward': { args: ['keyward.js', 'mcp', ids[0]] } });
    const { linear, 'linear-keyward': own } = set;
    const renamed = configOf('cursor', JSON.stringify({ mcpServers: { linear, mine: { ...own, command: 'old' } } }));
    const again = parse((await planSetup(renamed, [serverOf(ids[0], 'renamed')])).text ?? '').mcpServers;
    expect(again).toEqual({ linear, mine: own });
    expect(parse((await planRemoval(renamed, ['mine'])).text ?? '').mcpServers).toEqual({ linear });
    expect((await planRemoval(renamed, ['linear'])).text).toBe(renamed.text);
  });

  it('156. keeps what a person added to the entry, and leaves an entry alone that is right in a layout of its own', async () => {
    const mine = { ...entry, command: 'old', env: { KEYWARD_PASSPHRASE: 'canary', N: 1 }, disabled: false };
    const config = configOf('cursor', JSON.stringify({ mcpServers: { keyward: mine } }));
    const { text } = await planSetup(config, keyward);
    expect(parse(text ?? '').mcpServers.keyward).toEqual({
      ...mine,
      command: launch.command,
      env: { ...mine.env, ...launch.env },
    });
    const again = configOf('cursor', (text ?? '').replaceAll(':', ' :  '));
    expect((await planSetup(again, keyward)).text).toBe(again.text);
  });

  it('does not mix itself into a Keyward that is reached over HTTP', async () => {
    const config = configOf('vscode', '{"servers":{"keyward":{"type":"http","url":"https://k.example/mcp"}}}');
    await expect(planSetup(config, keyward)).rejects.toMatchObject({ code: 'conflict' });
    expect(parse((await planRemoval(config, null)).text ?? '')).toEqual({ servers: {} });
  });

  it('154. a diff shows no value and no comment but what Keyward writes itself', async () => {
    const known = new Set([launch.command, ...launch.args, ...Object.values(launch.env)]);
    const secret = fc.stringMatching(/^canary-[a-z0-9]{8}$/);
    const property = fc.asyncProperty(secret, fc.boolean(), async (canary, oneLine) => {
      const servers = {
        a: { command: canary, args: [canary], n: 1 },
        keyward: { env: { KEYWARD_PASSPHRASE: canary } },
      };
      const json = JSON.stringify({ mcpServers: servers }, null, oneLine ? 0 : 2).replace(/\}$/, `/* ${canary} */}`);
      const toml = `# ${canary}\n[mcp_servers.a]\nargs = ["${canary}", '''\n${canary}\n''']\n[mcp_servers.keyward]\ncommand = "${canary}" # ${canary}\n`;
      for (const config of [configOf('cursor', json), configOf('codex', toml)]) {
        for (const plan of [await planSetup(config, keyward), await planRemoval(config, null)]) {
          const shown = await diffOf(plan, known, false);
          expect(shown).not.toContain('canary');
          expect(shown).toMatch(/^[+-]/m);
        }
      }
    });
    await fc.assert(property, { numRuns: 20 });
  });
});

describe('replacing a file', () => {
  const old = '{"mcpServers":{"a":{"command":"of others"}}}';

  /** A disk that stands still for ever at its nth call, as if the process had been killed there: half of a write is done. */
  function stopping(at: number) {
    const open: { close(): Promise<void> }[] = [];
    let calls = 0;
    let stop = () => {};
    const stopped = new Promise<void>((resolve) => {
      stop = resolve;
    });
    const step = async <T>(work: () => Promise<T>, before?: () => Promise<unknown>): Promise<T> => {
      calls += 1;
      if (calls !== at) return work();
      await before?.();
      stop();
      return new Promise<T>(() => {});
    };
    const disk: Disk = {
      create: (file) =>
        step(async () => {
          const made = await realDisk.create(file);
          open.push(made);
          return {
            ...made,
            write: (bytes, position) =>
              step(
                () => made.write(bytes, position),
                () => made.write(bytes.subarray(0, bytes.length / 2), position),
              ),
            sync: () => step(() => made.sync()),
          };
        }),
      rename: (from, to) => step(() => realDisk.rename(from, to)),
      syncFolder: (path) => step(() => realDisk.syncFolder(path)),
      remove: (file) => step(() => realDisk.remove(file)),
    };
    const close = () => Promise.all(open.map((file) => file.close().catch(() => {})));
    return { disk, stopped, close };
  }

  it('152. a kill at any step leaves the old file or the new one, whole, and the copy is the old one, whole', async () => {
    for (const text of ['new', null]) {
      const outcomes = [];
      for (let at = 1; ; at += 1) {
        await rm(folder, { recursive: true });
        mkdirSync(folder);
        const found = await put('cursor', old);
        const { disk, stopped, close } = stopping(at);
        const done = replaceConfig(await readConfig(found), text, disk).then(() => 'done');
        const ended = await Promise.race([done, stopped.then(() => 'stopped')]);
        await close();
        const now = await readFile(found.path, 'utf8').catch(() => null);
        expect([old, text]).toContain(now);
        expect([old, null]).toContain(await readFile(`${found.path}.before-keyward`, 'utf8').catch(() => null));
        outcomes.push(now);
        if (ended === 'done') break;
      }
      expect(outcomes.length).toBeGreaterThan(5);
      expect(outcomes.at(0)).toBe(old);
      expect(outcomes.at(-1)).toBe(text);
    }
  });

  it('keeps mode, byte order mark and link; the copy has the same mode, and nothing else is left', async () => {
    const found = await put('cursor', `\uFEFF${old}`, 0o640);
    await mkdir(join(folder, 'links'));
    const link = join(folder, 'links', 'mcp.json');
    await symlink(found.path, link);
    const config = await readConfig({ client: found.client, path: link });
    expect(await replaceConfig(config, '{}')).toBe(`${found.path}.before-keyward`);
    expect(await readFile(found.path, 'utf8')).toBe('\uFEFF{}');
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    for (const path of [found.path, `${found.path}.before-keyward`])
      expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect(await readFile(`${found.path}.before-keyward`, 'utf8')).toBe(`\uFEFF${old}`);
    expect(await readdir(dirname(found.path))).toEqual(['config', 'config.before-keyward', 'links']);
    const fresh = { client: found.client, path: join(folder, 'fresh') };
    expect(await replaceConfig(await readConfig(fresh), '{}')).toBeNull();
    expect((await stat(fresh.path)).mode & 0o777).toBe(0o600);
  });

  it('155. what another program wrote meanwhile stays, and so does a file that it made or removed', async () => {
    const found = await put('cursor', old);
    const config = await readConfig(found);
    await writeFile(found.path, 'newer');
    await expect(replaceConfig(config, 'mine')).rejects.toMatchObject({ code: 'conflict' });
    await expect(replaceConfig(config, null)).rejects.toMatchObject({ code: 'conflict' });
    expect(await readFile(found.path, 'utf8')).toBe('newer');
    await rm(found.path);
    const missing = await readConfig(found);
    await writeFile(found.path, 'made');
    await expect(replaceConfig(missing, 'mine')).rejects.toMatchObject({ code: 'conflict' });
    expect(await readFile(found.path, 'utf8')).toBe('made');
    expect((await readdir(folder)).filter((name) => name.includes('tmp'))).toEqual([]);
  });

  it('153. a file that all can write, that is no text or no file, and a link to nowhere are refused and stay', async () => {
    const found = await put('cursor', old, 0o646);
    await expect(replaceConfig(await readConfig(found), '{}')).rejects.toMatchObject({ code: 'forbidden' });
    expect(await readFile(found.path, 'utf8')).toBe(old);
    await chmod(found.path, 0o600);
    const stranger = vi.spyOn(process, 'getuid').mockReturnValue(54321);
    await expect(replaceConfig(await readConfig(found), '{}')).rejects.toMatchObject({ code: 'forbidden' });
    stranger.mockRestore();
    expect(await readFile(found.path, 'utf8')).toBe(old);
    const utf16 = await put('cursor', Buffer.from(old, 'utf16le').fill(0xff, 0, 1));
    await expect(readConfig(utf16)).rejects.toMatchObject({ code: 'invalid_input' });
    await expect(readConfig({ client: client('cursor'), path: folder })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    const link = { client: client('cursor'), path: join(folder, 'link') };
    await symlink(join(folder, 'nowhere'), link.path);
    await expect(replaceConfig(await readConfig(link), '{}')).rejects.toMatchObject({ code: 'invalid_input' });
    expect((await lstat(link.path)).isSymbolicLink()).toBe(true);
  });
});
