/** `keyward sign-in`: a code that signs a person in to the pages of `keyward http`, once. */
import { createSignInCode } from '../../broker/sign-in/code.ts';
import { KeywardError } from '../../errors.ts';
import { localPrincipal } from '../../principal.ts';
import type { Run } from '../command.ts';
import { openKeyward } from '../keyward.ts';

/** Who acts, for the audit log. */
const principal = { ...localPrincipal, client: 'keyward command line' };

export const signIn: Run = async ({ config, log, flags }) => {
  const user = flags.get('user');
  if (user === undefined) {
    throw new KeywardError('invalid_input', 'The user is missing.', {
      hint: 'Add --user with the name of the person, as in their session token.',
    });
  }
  const keyward = await openKeyward(config, log);
  try {
    const tenant = flags.get('tenant') ?? 'default';
    const { code } = await createSignInCode(keyward.broker, principal, { tenant, user });
    process.stdout.write(`${code}\n`);
    process.stderr.write('Type it on the sign-in page within ten minutes. It works once.\n');
  } finally {
    await keyward.close();
  }
  return 0;
};
