/** `keyward run`: another program, with secrets in its environment and none in what it prints; or without any. */
import { secretVariables } from '../../config/config.ts';
import { KeywardError } from '../../errors.ts';
import { commandText } from '../child/command-text.ts';
import { gatewayVariables } from '../child/gateway-variables.ts';
import { findReferences, handOut } from '../child/handed-out.ts';
import { type Wanted, wantedBy } from '../child/references.ts';
import { runChild } from '../child/run-child.ts';
import { type ChildEnd, endLike } from '../child/signals.ts';
import type { Invocation, Run } from '../command.ts';
import { withConnections } from '../with-store.ts';

export const run: Run = async (invocation) => {
  const { flags, lists } = invocation;
  // They are read. A program that gets one secret must not get the key to all of them, and neither must a browser.
  for (const name of secretVariables(process.env)) delete process.env[name];
  // The driver reads it for itself.
  if (invocation.config.store.kind === 'postgres') delete process.env.PGPASSWORD;
  const wanted = await wantedBy(process.env, flags.get('env-file'), lists.get('env') ?? []);
  const end = flags.has('gateway')
    ? await runWithGateway(invocation, wanted)
    : await runWithSecrets(invocation, wanted);
  // It may end right here.
  await invocation.log.flush();
  return endLike(end);
};

async function runWithSecrets(invocation: Invocation, { env, references }: Wanted): Promise<ChildEnd> {
  const { flags, rest } = invocation;
  const unmasked = flags.has('no-mask');
  let handed: Awaited<ReturnType<typeof handOut>> = { values: {}, secrets: [] };
  if (references.length > 0) {
    const client = commandText(`keyward run${unmasked ? ' --no-mask' : ''}`, rest, process.cwd());
    // The vault is closed again before the program begins.
    await withConnections(invocation, client, async (broker, principal) => {
      handed = await handOut(broker, principal, references);
      return 0;
    });
  }
  const child = { env: { ...env, ...handed.values }, secrets: unmasked ? [] : handed.secrets };
  return runChild(rest, child);
}

/** The program has nothing to print that would be a secret tomorrow, so its output is its own. */
async function runWithGateway(invocation: Invocation, { env, references }: Wanted): Promise<ChildEnd> {
  const { rest } = invocation;
  if (references.length === 0) {
    throw new KeywardError('invalid_input', 'No connection is named for the gateway.', {
      hint: 'Add --env NAME=<connection>, or set a variable to keyward://<connection>.',
    });
  }
  let end: ChildEnd = { code: 1, signal: null };
  await withConnections(
    invocation,
    commandText('keyward run --gateway', rest, process.cwd()),
    async (broker, principal) => {
      const { openOwnGateway } = await import('../../http/own-gateway.ts');
      const found = await findReferences(broker, principal, references);
      const connections = new Set(found.map(({ connection }) => connection.credentialId));
      const gateway = await openOwnGateway(broker, { ...principal, limits: { connections } });
      try {
        end = await runChild(rest, {
          env: { ...env, ...withoutProxy(env), ...gatewayVariables(broker, found, gateway) },
          secrets: [],
        });
      } finally {
        await gateway.close();
      }
      return 0;
    },
  );
  return end;
}

/** The gateway is on this computer and speaks plain http: a proxy would read the token, and could not reach it. */
function withoutProxy(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    ['NO_PROXY', 'no_proxy'].map((name) => [name, [env[name], '127.0.0.1'].filter(Boolean).join(',')]),
  );
}
