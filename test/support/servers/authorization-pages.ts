/** Login, consent and device pages of the test authorization server: plain forms that a browser or a script can use. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type Provider from 'oidc-provider';

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => escapes[character] ?? character);
}

export function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>
  :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
  body { max-width: 24rem; margin: 4rem auto; padding: 0 1rem; }
  label, input { display: block; width: 100%; box-sizing: border-box; }
  input, button { font: inherit; padding: .5rem; margin: .5rem 0; }
</style></head>
<body><h1>${escapeHtml(title)}</h1>${content}</body></html>`;
}

/** Serves `/interaction/<uid>`: GET shows the page for the open prompt, POST answers it. */
export async function serveInteraction(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const interaction = await provider.interactionDetails(request, response);
  const { prompt, params, session } = interaction;
  if (request.method !== 'POST') {
    const client = escapeHtml(String(params.client_id));
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(prompt.name === 'login' ? loginPage(client) : consentPage(client, String(params.scope ?? '')));
    return;
  }
  const fields = new URLSearchParams(await readText(request));
  if (fields.get('decision') === 'deny') {
    const denied = { error: 'access_denied', error_description: 'The person said no.' };
    await provider.interactionFinished(request, response, denied, { mergeWithLastSubmission: false });
    return;
  }
  if (prompt.name === 'login') {
    const login = { accountId: fields.get('login') || 'ann' };
    await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
    return;
  }
  const grant = new provider.Grant({ accountId: session?.accountId ?? 'ann', clientId: String(params.client_id) });
  const scope = String(params.scope ?? '');
  grant.addOIDCScope(scope);
  if (typeof params.resource === 'string') grant.addResourceScope(params.resource, scope);
  const consent = { grantId: await grant.save() };
  await provider.interactionFinished(request, response, { consent }, { mergeWithLastSubmission: true });
}

function loginPage(client: string): string {
  return page(
    'Sign in',
    `<p>to go on to <strong>${client}</strong></p>
<form method="post"><label>Name <input name="login" value="ann" autocomplete="off"></label>
<button name="decision" value="allow">Sign in</button></form>`,
  );
}

function consentPage(client: string, scope: string): string {
  const scopes = scope.split(' ').map((one) => `<li>${escapeHtml(one)}</li>`);
  return page(
    'Allow access?',
    `<p><strong>${client}</strong> asks for:</p><ul>${scopes.join('')}</ul>
<form method="post"><button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></form>`,
  );
}

/** A small request body as text. */
export async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
