/** `keyward http`: serves MCP and REST until the process is told to stop. */
import type { Pages } from '../../broker/broker.ts';
import { hasSession } from '../../broker/sign-in/sessions.ts';
import { type Config, configProblems, secretVariables } from '../../config/config.ts';
import { KeywardError } from '../../errors.ts';
import { hostInUrl, isLoopback, loopbackNames, otherPort } from '../../hosts.ts';
import type { Metrics } from '../../http/ops/metrics.ts';
import type { LogWriter } from '../../log.ts';
import { version } from '../../version.ts';
import { commandLine, httpClientTexts, proxyText, thisProcess } from '../clients/texts.ts';
import type { Invocation, Run } from '../command.ts';
import { type Keyward, openKeyward, stopSignal } from '../keyward.ts';

/** Answers under way at the end get this long: less than the ten seconds after which Docker kills. */
const answersWithinMs = 8_000;
/** A refresh gets as long as it may take: where its answer is lost, so may the grant be. */
const closeWithinMs = 30_000;

export const serve: Run = async (invocation) => {
  const { config, log } = invocation;
  const local = isLoopback(config.host);
  const origin = config.publicUrl ?? urlAt(hostInUrl(config.host), config.port).origin;
  const stopped = stopSignal();
  const parts = await loadParts();
  const metrics = parts.createMetrics();
  const keyward = await openKeyward(config, log, { pages: pagesAt(origin), observe: metrics.act });
  try {
    if (!local) await requireCallers(config, keyward);
    const { close } = await listenFor({ ...parts, metrics }, config, keyward, { origin, local });
    log.info('serving', { transport: 'http', version, url: `${origin}/mcp`, vault: keyward.broker.vault.location });
    process.stdout.write(welcome(invocation, origin, keyward.broker.vault.location));
    // Listening alone keeps no process alive.
    const alive = setInterval(() => {}, 60_000);
    const reason = await stopped;
    log.info('stopping', { reason });
    setTimeout(() => giveUp(log), closeWithinMs).unref();
    await close();
    clearInterval(alive);
  } finally {
    await keyward.close();
  }
  return 0;
};

type Place = { readonly origin: string; readonly local: boolean };

/** What only this command needs. */
async function loadParts() {
  const [service, server, protocol, metrics] = await Promise.all([
    import('../../http/service.ts'),
    import('../../http/listener/server.ts'),
    import('../../mcp/http.ts'),
    import('../../http/ops/metrics.ts'),
  ]);
  return { ...service, ...server, ...protocol, ...metrics };
}

type Parts = Awaited<ReturnType<typeof loadParts>> & { readonly metrics: Metrics };

async function listenFor(parts: Parts, config: Config, { broker }: Keyward, { origin, local }: Place) {
  const protocol = parts.createMcpEndpoint(broker, version);
  const withAudience = <T extends { readonly audience: string | null }>(issuer: T) => ({
    ...issuer,
    audience: issuer.audience ?? `${origin}/mcp`,
  });
  const { app, ...beside } = parts.createService({
    broker,
    protocol,
    publicUrl: origin,
    hosts: local ? loopbackNames.map((name) => urlAt(name, config.port).host) : [],
    issuer: config.issuer && withAudience(config.issuer),
    issuers: config.issuers.map(withAudience),
    signIn: config.signIn,
    metrics: parts.metrics,
    trustedProxies: config.trustedProxies,
    rateLimit: config.rateLimit,
    maxConnections: config.maxConnections,
  });
  const addresses = config.host === 'localhost' ? ['127.0.0.1', '::1'] : [config.host];
  const listener = await parts
    .listen((request, env) => app.fetch(request, env), addresses, config.port, beside)
    .catch((error: unknown) => cannotListen(error, config.port));
  return {
    close: async () => {
      await listener.close(answersWithinMs);
      await protocol.close();
    },
  };
}

/** The pages are at the public origin, for as long as the process serves. */
export function pagesAt(origin: string): Pages {
  return { callbackOrigin: origin, open: async () => origin, openApprovals: async () => origin, showLocally: null };
}

/** Beyond loopback somebody must be able to prove who they are. */
async function requireCallers(config: Config, { broker }: Keyward): Promise<void> {
  if (config.issuer !== null || config.issuers.length > 0 || (await hasSession(broker))) return;
  throw configProblems({
    KEYWARD_ISSUER: 'or a session token is needed to listen beyond loopback: make one with keyward token create',
  });
}

function cannotListen(error: unknown, port: number): never {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    throw new KeywardError('port_in_use', `Port ${port} is taken by another program.`, {
      hint:
        `Stop it, or take another port: --port ${otherPort(port)}. It may be a Keyward that an MCP client started: that one has ` +
        'the port while somebody connects a service, and needs one of its own beside keyward http.',
    });
  }
  if (code === 'EACCES') throw configProblems({ KEYWARD_PORT: 'is a port that needs more rights than Keyward has' });
  if (['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN'].includes(code)) {
    throw configProblems({ KEYWARD_HOST: 'must be an address of this computer' });
  }
  throw error;
}

async function giveUp(log: LogWriter): Promise<void> {
  log.error('stopped_early');
  await log.flush();
  process.exit(1);
}

/** Of port 80 as browsers write it: without the port. */
function urlAt(name: string, port: number): URL {
  return new URL(`http://${name}:${port}`);
}

/** What a person needs next. */
function welcome({ config: { port }, options }: Invocation, origin: string, vault: string): string {
  const keyward = (words: readonly string[], typed = options) => commandLine(thisProcess(typed), words);
  const secrets = secretVariables(process.env);
  const elsewhere = new Map([...options, ['--port', `${otherPort(port)}`]]);
  return [
    `Keyward ${version} serves MCP at ${origin}/mcp and REST at ${origin}/openapi.json`,
    `Its vault is ${vault}`,
    '',
    'Make a session token; it is shown once:',
    `  ${keyward(['token', 'create', '--user', 'me'])}`,
    '',
    'Then tell a client, with the token in place of TOKEN:',
    '',
    ...httpClientTexts(`${origin}/mcp`).flatMap(({ client, text }) => [`${client}:`, `  ${text}`, '']),
    'Each MCP server that the token’s user connected is at an address of its own, by id, name or connector:',
    `  ${proxyText(origin, '<connection>')}`,
    '',
    `Your page is ${origin}/ and a code that signs you in there comes from:`,
    `  ${keyward(['sign-in', '--user', 'me'])}`,
    '',
    'A client on this computer can also start Keyward itself, over stdio, with a port of its own. The texts come from:',
    `  ${keyward(['status'], elsewhere)}`,
    '',
    ...(secrets.length > 0
      ? [`These commands need ${secrets.join(', ')}, too: secrets are not printed here.`, '']
      : []),
  ].join('\n');
}
