/**
 * `npm run test:conformance:sign-in`: the scenarios of the official MCP conformance suite about how a client signs in,
 * with Keyward as the client. Whatever fails that is not expected below fails it. It takes minutes.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runClient } from './suite.ts';

const scenarios = [
  'metadata-default',
  'metadata-var1',
  'metadata-var2',
  'metadata-var3',
  'basic-cimd',
  'scope-from-www-authenticate',
  'scope-from-scopes-supported',
  'scope-omitted-when-undefined',
  'scope-step-up',
  'scope-retry-limit',
  'token-endpoint-auth-basic',
  'token-endpoint-auth-post',
  'token-endpoint-auth-none',
  'pre-registration',
  'resource-mismatch',
  'offline-access-scope',
  'offline-access-not-supported',
  'authorization-server-migration',
  'iss-supported',
  'iss-not-advertised',
  'iss-supported-missing',
  'iss-wrong-issuer',
  'iss-unexpected',
  'iss-normalized',
  'metadata-issuer-mismatch',
];

/** Checks that can't pass here, and why. */
const expected: Readonly<Record<string, string>> = {
  'cimd-client-id-used': 'its document exists nowhere, and Keyward reads its own document before it names it',
};

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const command = `${process.execPath} --import ${file('../typescript.mjs')} ${file('./client.ts')}`;
const folder = await mkdtemp(join(tmpdir(), 'keyward-conformance-'));
let failures = 0;
try {
  for (const scenario of scenarios) {
    const results = join(folder, scenario);
    await mkdir(results);
    const { checks, errors } = await runClient(command, `auth/${scenario}`, results);
    // A warning is a SHOULD of the specification.
    const missed = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
    const wrong = missed.filter(({ id }) => expected[id] === undefined);
    failures += wrong.length;
    process.stdout.write(`${wrong.length === 0 ? 'passed' : 'FAILED'}  ${scenario}: ${checks.length} checks\n`);
    for (const { id, errorMessage } of wrong) process.stdout.write(`        ${id}: ${errorMessage ?? ''}\n`);
    if (wrong.length > 0) process.stdout.write(errors);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = failures === 0 ? 0 : 1;
