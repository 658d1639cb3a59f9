/** This Node, and the options of the environment. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Invocation } from '../command.ts';
import { type Check, type Finding, ok, wrong } from './finding.ts';

/** @param invocation as it was started, perhaps with options that have problems */
export function settingsChecks(
  { problems, config }: Pick<Invocation, 'problems' | 'config'>,
  env: NodeJS.ProcessEnv,
): readonly Check[] {
  return [
    // An older one ends in src/main.ts, with the same advice.
    { name: 'node', look: async () => [ok('node', `Node ${process.versions.node} at ${process.execPath}`)] },
    { name: 'options', look: async () => optionFindings(problems, env) },
    { name: 'certificates', look: () => certificateFindings(env.NODE_EXTRA_CA_CERTS) },
    { name: 'proxy', look: () => proxyFindings(config.proxy?.url) },
  ];
}

function optionFindings(problems: Invocation['problems'], env: NodeJS.ProcessEnv): Finding[] {
  const found = Object.entries(problems).map(([name, problem]) => {
    const where = name.startsWith('--') ? 'on the command line' : 'where it is set: in the shell, or by the MCP client';
    return wrong('options', `${name} ${problem}`, `Correct ${name} ${where}; keyward --help lists every option.`);
  });
  if (found.length > 0) return found;
  const set = Object.keys(env).filter((name) => name.startsWith('KEYWARD_') && env[name]);
  return [ok('options', set.length === 0 ? 'no KEYWARD_ variable is set' : `well set: ${set.join(', ')}`)];
}

/** Node takes a file that it can not read for none, and says so once, where hardly anybody looks. */
async function certificateFindings(file: string | undefined): Promise<Finding[]> {
  const name = 'certificates';
  if (!file) return [ok(name, "Node's own; NODE_EXTRA_CA_CERTS is not set")];
  const mend = `Let NODE_EXTRA_CA_CERTS name the PEM file of your certificate authority, or unset it.`;
  try {
    const text = await readFile(file, 'utf8');
    const [first] = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(text) ?? [];
    const until = first === undefined ? null : new Date(new X509Certificate(first).validTo);
    if (until === null) return [wrong(name, `NODE_EXTRA_CA_CERTS: ${file} holds no certificate`, mend)];
    const over = until.getTime() < Date.now();
    const told = `NODE_EXTRA_CA_CERTS: the certificate in ${file} ${over ? 'ended' : 'is good until'} ${until.toISOString().slice(0, 10)}`;
    return [over ? wrong(name, told, 'Ask whoever runs your network for the new certificate.') : ok(name, told)];
  } catch (error) {
    const { code = 'no certificate' } = error as NodeJS.ErrnoException;
    return [wrong(name, `NODE_EXTRA_CA_CERTS: ${file} can not be read (${code})`, mend)];
  }
}

async function proxyFindings(url: string | undefined): Promise<Finding[]> {
  if (url === undefined) return [ok('proxy', 'none; HTTPS_PROXY is not set')];
  // Without the user name and the password that it may hold.
  const { host } = new URL(url);
  const { proxyAnswers } = await import('../../net/connections/proxy.ts');
  if (await proxyAnswers(url)) return [ok('proxy', `${host} (HTTPS_PROXY) answers`)];
  const text = `${host} (HTTPS_PROXY) does not answer`;
  return [wrong('proxy', text, 'Correct HTTPS_PROXY, or unset it where the network needs no proxy: unset HTTPS_PROXY')];
}
