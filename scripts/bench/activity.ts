/** A person's activity page over a long audit log, against the REST call that reads the same log. */

import { createSession } from '../../src/broker/sign-in/sessions.ts';
import { beginVisit } from '../../src/broker/sign-in/visits.ts';
import { pagesAt } from '../../src/cli/commands/http.ts';
import { listen } from '../../src/http/listener/server.ts';
import { createMetrics } from '../../src/http/ops/metrics.ts';
import { createService } from '../../src/http/service.ts';
import { createMcpEndpoint } from '../../src/mcp/http.ts';
import { localPrincipal } from '../../src/principal.ts';
import { type Figure, milliseconds, timed } from './figures.ts';
import { quantile } from './load.ts';
import { freePort } from './processes.ts';
import { keywardOf, makeHome, storeOf } from './vaults.ts';

const owner = { tenant: 'default', user: 'bench' };
const events = 1_000_000;
const batch = 20_000;
const rounds = 60;
const perPage = 50;

export async function activity(): Promise<Figure[]> {
  const home = await makeHome(20, owner);
  await fillLog(home);
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const keyward = await keywardOf(home.env);
  const broker = { ...keyward.broker, pages: pagesAt(origin) };
  const protocol = createMcpEndpoint(broker, '0');
  const { app, direct } = createService({
    broker,
    protocol,
    publicUrl: origin,
    hosts: [],
    issuer: null,
    signIn: null,
    metrics: createMetrics(),
    trustedProxies: [],
    rateLimit: 1_000_000,
    maxConnections: 100,
  });
  const listener = await listen((request, env) => app.fetch(request, env), ['127.0.0.1'], port, { direct });
  try {
    const cookie = `keyward=${await beginVisit(broker, owner)}`;
    const made = { ...owner, scopes: ['audit:read'], expiresAt: null };
    const { token } = await createSession(broker, localPrincipal, made);
    const times = { page: [] as number[], rest: [] as number[] };
    const get = async (path: string, headers: Record<string, string>) => {
      const answer = await fetch(`${origin}${path}`, { headers });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}.`);
      return text;
    };
    let further = '/activity';
    for (let round = 0; round < rounds; round += 1) {
      // Pages follow each other back, as a person reads them.
      let text = '';
      times.page.push(
        await timed(async () => {
          text = await get(further, { cookie });
        }),
      );
      further = /href="(\/activity\?before=[^"]+)"/.exec(text)?.[1]?.replaceAll('&amp;', '&') ?? '/activity';
      times.rest.push(await timed(() => get(`/audit?limit=${perPage}`, { authorization: `Bearer ${token}` })));
    }
    const [page, rest] = [quantile(times.page, 0.95), quantile(times.rest, 0.95)];
    return [
      {
        name: `the activity page at ${events} events, p95 / GET /audit`,
        value: page / rest,
        unit: 'x',
        goal: { is: '<=', than: 2 },
        from: `${milliseconds(page)} / ${milliseconds(rest)}`,
      },
    ];
  } finally {
    await listener.close();
    await protocol.close();
    await keyward.close();
    await home.remove();
  }
}

/** Lines as they are written, but for their chain, which reading does not look at. One in three is this owner's. */
async function fillLog({ env, credentialIds }: Awaited<ReturnType<typeof makeHome>>): Promise<void> {
  const store = await storeOf(env);
  for (let from = 0; from < events; from += batch) {
    const lines = Array.from({ length: batch }, (_, at) =>
      JSON.stringify({
        time: new Date(Date.UTC(2026, 0, 1) + (from + at) * 20_000).toISOString(),
        chain: 'AAAAAAAAAAAA',
        key: 'bench',
        seq: from + at + 1,
        tenant: owner.tenant,
        user: at % 3 === 0 ? owner.user : 'somebody else',
        client: 'Research agent',
        action: 'credential.call',
        subject: credentialIds[at % 3 === 0 ? at % credentialIds.length : 0],
        connectorId: 'bench',
        request: 'GET api.example.com/orders',
        outcome: 'allowed',
        prev: 'A'.repeat(43),
        mac: 'A'.repeat(43),
      }),
    );
    await store.appendAudit(lines);
  }
  await store.close();
}
