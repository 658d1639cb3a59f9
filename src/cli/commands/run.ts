/** `keyward run`: another program, with secrets in its environment and none in what it prints. */
import { secretVariables } from '../../config/config.ts';
import { commandText } from '../child/command-text.ts';
import { handOut } from '../child/handed-out.ts';
import { wantedBy } from '../child/references.ts';
import { runChild } from '../child/run-child.ts';
import type { Run } from '../command.ts';
import { withConnections } from '../with-store.ts';

export const run: Run = async (invocation) => {
  const { flags, lists, rest, log } = invocation;
  // They are read. A program that gets one secret must not get the key to all of them, and neither must a browser.
  for (const name of secretVariables(process.env)) delete process.env[name];
  const { env, references } = await wantedBy(process.env, flags.get('env-file'), lists.get('env') ?? []);
  const unmasked = flags.has('no-mask');
  let handed: Awaited<ReturnType<typeof handOut>> = { values: {}, secrets: [] };
  if (references.length > 0) {
    const client = commandText(`keyward run${unmasked ? ' --no-mask' : ''}`, rest);
    await withConnections(invocation, client, async (broker, principal) => {
      handed = await handOut(broker, principal, references);
      return 0;
    });
  }
  const child = { env: { ...env, ...handed.values }, secrets: unmasked ? [] : handed.secrets };
  return runChild(rest, child, () => log.flush());
};
