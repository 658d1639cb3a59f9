/**
 * `keyward open`: the page of the person at this computer, in their browser. Its link reaches that browser or the person's
 * terminal, and nothing else: an assistant that can run commands reads stdout and stderr.
 */
import { secretVariables } from '../../config/config.ts';
import { KeywardError } from '../../errors.ts';
import { openBrowser } from '../../http/loopback/browser.ts';
import { createOwnerPages, type Ending } from '../../http/loopback/owner-pages.ts';
import type { Run } from '../command.ts';
import { loopbackPlace, openKeyward, stopSignal } from '../keyward.ts';
import { findTerminal } from '../terminal/terminal.ts';

export const open: Run = async ({ config, log }) => {
  // They are read, and the browser must not have the key to everything.
  for (const name of secretVariables(process.env)) delete process.env[name];
  const stopped = stopSignal();
  const pages = createOwnerPages({ ...loopbackPlace(config), broker: () => keyward.broker });
  const keyward = await openKeyward(config, log, { pages });
  try {
    const { link, over } = await pages.serve();
    await show(link);
    const why = await Promise.race([over, stopped.then(() => null)]);
    if (why === null) return 0;
    process.stderr.write(`${words[why]}\n`);
    return why === 'unopened' || why === 'twice' ? 1 : 0;
  } finally {
    await pages.close();
    await keyward.close();
  }
};

async function show(link: string): Promise<void> {
  if (await openBrowser(link)) {
    process.stderr.write(
      'Your page opens in your browser. It ends with Ctrl+C, or when you have not used it for a while.\n',
    );
    return;
  }
  const terminal = findTerminal();
  if (terminal === null) {
    throw new KeywardError('cancelled', 'There is no browser here, and no terminal to show the link at.', {
      hint: 'Run keyward open in a terminal of the computer that Keyward runs on.',
    });
  }
  terminal.say(`Open this link in a browser on this computer, within a minute. It works once.\n${link}\n`);
}

const words: Readonly<Record<Ending, string>> = {
  unopened: 'Nobody opened the page within a minute, so it has ended. Run keyward open again.',
  twice:
    'Two browsers opened the link, and only one of them can be yours. The page has ended for both. Run keyward open again.',
  unused: 'The page was not used for a while and has ended. Run keyward open to open it again.',
  old: 'The page was open for four hours and has ended. Run keyward open to open it again.',
};
