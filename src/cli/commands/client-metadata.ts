/** `keyward client-metadata`: the document that tells authorization servers who this Keyward is. */
import type { Broker } from '../../broker/broker.ts';
import { documentFor, readDocument, servesDocuments } from '../../broker/grants/client-document.ts';
import { options } from '../../config/config.ts';
import { KeywardError } from '../../errors.ts';
import type { Invocation, Run } from '../command.ts';
import { printJson } from '../terminal/table.ts';
import { withBroker } from '../with-store.ts';

export const clientMetadata: Run = async (invocation) => {
  let code = 0;
  await withBroker(invocation, async (broker) => {
    if (servesDocuments(broker)) {
      const { callbackOrigin } = broker.pages;
      process.stdout.write(
        `This Keyward serves its own documents, one for each server, below ${callbackOrigin}/oauth/client/\n`,
      );
      return;
    }
    const address = addressOf(invocation);
    if (invocation.flags.has('check')) code = await check(broker, address);
    else await print(broker, address, invocation.flags.has('key'));
  });
  return code;
};

/** Where the document is, or will be. */
function addressOf({ flags, config }: Invocation): string {
  const { variable, parse } = options.clientMetadataUrl;
  const given = flags.get('url');
  try {
    if (given !== undefined) return parse(given);
  } catch (error) {
    const rule = error instanceof KeywardError ? error.message : '';
    throw new KeywardError('invalid_input', `--url ${rule}.`);
  }
  if (config.clientMetadataUrl !== null) return config.clientMetadataUrl;
  throw new KeywardError('invalid_input', 'The document holds its own address, and that is missing.', {
    hint: `Give --url with the https address where you will put it, or set ${variable}.`,
  });
}

async function print(broker: Broker, address: string, byKey: boolean): Promise<void> {
  printJson(await documentFor(broker, address, byKey ? 'private_key_jwt' : 'none'));
  process.stderr.write(
    `Put this at ${address}, then set ${options.clientMetadataUrl.variable} to that address. keyward client-metadata --check looks whether it is right.\n`,
  );
}

async function check(broker: Broker, address: string): Promise<number> {
  const { problems } = await readDocument(broker, address);
  if (problems.length === 0) {
    process.stdout.write(`The document at ${address} is right.\n`);
    return 0;
  }
  for (const problem of problems) process.stdout.write(`The document at ${address} ${problem}.\n`);
  process.stderr.write(
    'Until that is mended Keyward registers itself at each server. keyward client-metadata prints what to put there.\n',
  );
  return 1;
}
