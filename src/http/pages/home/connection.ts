/** `/connections/:id`: the page of a connection, and each act of its owner. What may be done is the broker's matter. */
import { type Context, Hono } from 'hono';
import { html } from 'hono/html';
import { offersFor } from '../../../broker/credentials/answer-offer.ts';
import { deleteCredential, deletionInWords } from '../../../broker/credentials/delete.ts';
import { lately } from '../../../broker/credentials/lately.ts';
import { updateCredential } from '../../../broker/credentials/manage.ts';
import { type ConnectionPage, viewConnection } from '../../../broker/credentials/page.ts';
import { revertReconnect } from '../../../broker/credentials/replaced.ts';
import { shareConnection } from '../../../broker/credentials/share.ts';
import { acceptTools } from '../../../broker/credentials/tools.ts';
import { verifyCredential } from '../../../broker/credentials/verify.ts';
import { idIn } from '../../../broker/input/text.ts';
import { hasCode, KeywardError } from '../../../errors.ts';
import { formLimit, formsOnly } from '../form-guards.ts';
import { data } from '../page.ts';
import { connectionPage, type PageOfConnection } from './connection-page.ts';
import { fieldsFor, lookPage, policyIn, ruleLabels, rulesPage, typedFields } from './connection-rules.ts';
import { shareIn, shareLabels } from './connection-shares.ts';
import type { Desk, Shown, Visit } from './desk.ts';
import type { Kept } from './kept-form.ts';
import { giveBack, signedInAs } from './offers.ts';
import { doOrAsk, pageOf, reconnectHere } from './own-request.ts';

/** Does one thing; answers where to go next, or the page of what came of it. */
type Act = (visit: Visit, view: ConnectionPage, form: URLSearchParams, c: Context) => Promise<string | Shown>;

/** @param mcpUrl where MCP clients connect; null: nowhere, as at the owner's own computer */
export function connectionRoutes(desk: Desk, mcpUrl: string | null): Hono {
  const { broker } = desk;
  const routes = new Hono();
  const viewOf = (c: Context, { principal }: Visit) => viewConnection(broker, principal, { connectionId: idOf(c) });
  const pageFor = async (c: Context, visit: Visit, view: ConnectionPage, more: Partial<PageOfConnection> = {}) =>
    connectionPage({
      view,
      visit,
      gateway: mcpUrl === null ? null : new URL(`/proxy/${view.credentialId}`, mcpUrl).href,
      lately: view.own === null ? null : await lately(broker, visit.principal, view.credentialId),
      giveBack: view.own === null ? await wayOut(desk, c, visit, view) : null,
      ...more,
    });

  const get = (path: string, work: (c: Context, visit: Visit, view: ConnectionPage) => Promise<Shown>) =>
    routes.get(
      `/connections/:id${path}`,
      desk.show(async (c, visit) => work(c, visit, await viewOf(c, visit))),
    );
  const post = (name: string, says: Kept['says'] | null, fields: Kept['fields'], work: Act) => {
    const kept = says === null ? undefined : ({ at: '/', says, fields } as const);
    const act = desk.act(async (c, visit, form) => work(visit, await viewOf(c, visit), form, c), kept);
    routes.post(`/connections/:id/${name}`, formsOnly, formLimit, act);
  };

  get('', pageFor);
  get('/rules', async (_c, visit, view) => {
    requireOwn(view);
    return rulesPage(view, visit, fieldsFor(view.policy ?? null, view));
  });
  get('/delete', async (_c, visit, view) => {
    requireOwn(view);
    return deletePage(view, visit);
  });

  post(
    'verify',
    () => 'Check it now',
    {},
    async (visit, view, _form, c) => {
      const verified = await verifyCredential(broker, visit.principal, view);
      return pageFor(c, visit, await viewOf(c, visit), { verified });
    },
  );
  post(
    'reconnect',
    () => 'Connect it again',
    {},
    ({ principal }, { credentialId }) => doOrAsk(() => reconnectHere(broker, principal, credentialId)),
  );
  post(
    'revert',
    () => 'Bring back what it had before',
    {},
    async ({ principal }, { credentialId }) => {
      await revertReconnect(broker, principal, { credentialId });
      return pageOf(credentialId);
    },
  );
  post(
    'tools',
    () => 'Look at what changed',
    {},
    ({ principal }, { credentialId }) =>
      doOrAsk(async () => {
        await acceptTools(broker, principal, { connectionId: credentialId });
        return pageOf(credentialId);
      }),
  );
  post(
    'rename',
    () => 'Rename it',
    { name: 'New name' },
    (visit, view, form, c) =>
      corrected(
        async () => {
          const { credentialId } = view;
          await updateCredential(broker, visit.principal, { credentialId, name: form.get('name') ?? '' });
          return pageOf(credentialId);
        },
        (problem) => pageFor(c, visit, view, { wrong: { act: 'rename', form, problem } }),
      ),
  );
  // Without its step: what is sent once more is looked at once more.
  post(
    'rules',
    () => 'Look at these rules',
    ruleLabels,
    (visit, view, form) =>
      corrected(
        async () => {
          if (form.get('step') !== 'set') return lookPage(view, visit, form);
          const change = { credentialId: view.credentialId, policy: policyIn(form, view) };
          return doOrAsk(async () => {
            await updateCredential(broker, visit.principal, change);
            return pageOf(view.credentialId);
          });
        },
        async (problem) => rulesPage(view, visit, typedFields(form), problem),
      ),
  );
  const saysShare = (form: URLSearchParams) => (form.get('permission') === 'none' ? 'Take it back' : 'Share it');
  post('share', saysShare, shareLabels, (visit, view, form, c) =>
    corrected(
      () =>
        doOrAsk(async () => {
          await shareConnection(broker, visit.principal, shareIn(form, view));
          return `${pageOf(view.credentialId)}#shares`;
        }),
      (problem) => pageFor(c, visit, view, { wrong: { act: 'share', form, problem } }),
    ),
  );
  post(
    'delete',
    // Its own page says what is deleted, and asks.
    null,
    {},
    async ({ principal }, view) => {
      const deletion = await deleteCredential(broker, principal, view, { confirmedByOwner: true });
      return {
        at: '/',
        title: 'Deleted',
        isOutcome: true,
        body: html`<h1>Deleted</h1><p>${data(view.name)} of ${view.service}.</p><p>${deletionInWords(deletion)}</p><p class="actions"><a class="button" href="/">Your connections</a></p>`,
      };
    },
  );
  return routes;
}

/** What is wrong with a form is told on its page, with all that was typed. */
async function corrected(
  work: () => Promise<string | Shown>,
  again: (problem: string) => Promise<Shown>,
): Promise<string | Shown> {
  try {
    return await work();
  } catch (error) {
    if (!hasCode(error, 'invalid_input')) throw error;
    return again(error.message);
  }
}

/** The form by which a person gives back what another tenant offered and they took. */
async function wayOut({ broker, secure }: Desk, c: Context, { owner }: Visit, { credentialId }: ConnectionPage) {
  const { taken } = await offersFor(broker, owner, signedInAs(c, secure));
  const offer = taken.find((one) => one.credentialId === credentialId);
  return offer === undefined ? null : giveBack(offer);
}

function deletePage(view: ConnectionPage, { csrf }: Visit): Shown {
  const shares = (view.shares ?? []).length;
  return {
    at: '/',
    title: 'Delete this connection?',
    body: html`<h1>Delete this connection?</h1>
<dl class="facts"><dt>Connection</dt><dd>${data(view.name)}</dd><dt>Service</dt><dd>${view.service}</dd>${view.account === undefined ? '' : html`<dt>Account</dt><dd>${data(view.account)}</dd>`}${shares === 0 ? '' : html`<dt>Shared</dt><dd>with ${shares === 1 ? 'one user or tenant, who loses' : `${shares} users or tenants, who lose`} it too</dd>`}</dl>
<p>Keyward forgets its secret, and ends its access at the service where the service lets it. What is left for you to do there stands on the next page.</p>
<form method="post" action="${pageOf(view.credentialId)}/delete"><input type="hidden" name="csrf" value="${csrf}"><div class="actions"><button>Delete this connection</button><a href="${pageOf(view.credentialId)}">Keep it</a></div></form>`,
  };
}

/** The pages of forms that only an owner can send say so before anything is typed. */
function requireOwn({ own }: ConnectionPage): void {
  if (own !== null) return;
  throw new KeywardError('forbidden', 'This connection is somebody else’s, and only they can change it.', {
    hint: 'Ask its owner.',
  });
}

/** The connection that the address names; a text of any other form names none. */
function idOf(c: Context): string {
  const id = idIn(c.req.param('id'));
  if (id !== null) return id;
  throw new KeywardError('not_found', 'There is no such connection.', {
    hint: 'Look at the list of your connections.',
  });
}
