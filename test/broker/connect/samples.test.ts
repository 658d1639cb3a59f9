/** Every connector's own sample, created as a program would: what the metadata shows can be sent back. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCredential } from '../../../src/broker/connect/create.ts';
import { getCredentialMetadata } from '../../../src/broker/credentials/metadata.ts';
import { serverInputName } from '../../../src/connectors/auth-kinds.ts';
import { builtinIds } from '../../../src/connectors/builtin.ts';
import { errorCodes, KeywardError } from '../../../src/errors.ts';
import { type InProcess, openInProcess } from '../../support/in-process.ts';
import { person } from '../../support/principals.ts';

let keyward: InProcess;
beforeAll(async () => {
  keyward = await openInProcess({ KEYWARD_ANY_HOST: 'allow', KEYWARD_HOSTS_ALLOW: 'keyward.invalid' });
});
afterAll(() => keyward.close());

it.each([...builtinIds()])('%s: each sample connects, or the caller is told what is missing', async (connectorId) => {
  const { broker } = keyward.usual;
  const { auth } = broker.catalogue.require(connectorId);
  const who = person('acme', connectorId);
  const { metadata } = await getCredentialMetadata(broker, who, { connectorId }, 'program');
  for (const { authenticationType, sampleInput } of metadata) {
    const method = auth.find((one) => one.authenticationType === authenticationType);
    // Its sample is the address of a server that nobody runs.
    if (method === undefined || serverInputName(method) !== null) continue;
    const back = authenticationType === 'oauth2' ? { redirectUri: 'http://127.0.0.1:1/done' } : {};
    const input = { ...sampleInput, ...back, connectorId, authenticationType };
    const outcome = await createCredential(broker, who, input, { obtainedBy: 'rest' }).catch((error: unknown) => error);
    if (!(outcome instanceof KeywardError)) {
      expect(outcome, authenticationType).toMatchObject({ kind: expect.stringMatching(/^(created|attempt)$/) });
      continue;
    }
    // An https address of Keyward's own, an OAuth client, the key of a real service account.
    expect(errorCodes[outcome.code], `${authenticationType}: ${outcome.message}`).toBeLessThan(500);
    expect(outcome.hint, outcome.message).toBeTruthy();
  }
});

it('a way that needs an https address of Keyward’s is the caller’s to leave, and says what else there is', async () => {
  const { broker } = keyward.usual;
  const asked = { connectorId: 'box', authenticationType: 'oauth2', redirectUri: 'http://127.0.0.1:1/done' };
  const creating = createCredential(broker, person('acme', 'ann'), asked, { obtainedBy: 'rest' });
  await expect(creating).rejects.toMatchObject({
    code: 'invalid_input',
    hint: expect.stringMatching(/KEYWARD_PUBLIC_URL.*oauth2_client_credentials/),
    details: { fields: { authenticationType: expect.any(String) } },
  });
});
