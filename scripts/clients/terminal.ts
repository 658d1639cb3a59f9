/** Programs in a terminal, as a person runs them: some ask nobody to sign in without one. */
import { spawn } from '@lydell/node-pty';

/** Runs it to its end; answers its exit code and what it printed, without colours. `onText` sees all of that so far. */
export function runInTerminal(
  program: string,
  args: readonly string[],
  place: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  onText: (text: string) => void = () => {},
): Promise<{ readonly code: number; readonly text: string }> {
  const terminal = spawn(program, [...args], { cols: 4_000, ...place, env: { TERM: 'xterm', ...place.env } });
  return new Promise((resolve) => {
    let text = '';
    terminal.onData((data) => {
      text += data;
      onText(plain(text));
    });
    terminal.onExit(({ exitCode }) => resolve({ code: exitCode, text: plain(text) }));
  });
}

/** The text without what moves the cursor, colours it or makes links of it (ECMA-48; OSC 8). */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it takes out
  return text.replace(/\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b\[[0-9;?]*[ -/]*[@-~]|\r/g, '');
}
