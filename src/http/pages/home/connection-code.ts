/** How a connection is used from code, as texts that are ready to be copied. */
import { html } from 'hono/html';
import type { ConnectionPage } from '../../../broker/credentials/page.ts';
import type { Html } from '../page.ts';

/** @param gateway what stands for the base URL of this connection; null: programs reach this Keyward by commands only */
export function codePart(view: ConnectionPage, gateway: string | null): Html | '' {
  if (view.access === 'view') return '';
  const texts = view.protocol === 'mcp' ? forMcp(view, gateway) : forCalls(view, gateway);
  return html`<section aria-labelledby="code"><h2 id="code">Use it from code</h2>
${gateway === null ? '' : html`<p>A program sends a token of Keyward’s with the scope <code>credentials:use</code>, and Keyward puts the secret in its place.</p>`}
${texts.map(({ label, text }, at) => html`<div class="field"><label for="code-${at}">${label}</label><div class="beside"><textarea id="code-${at}" rows="1" readonly data-copy="${label}">${text}</textarea></div></div>`)}</section>`;
}

/** Of a program's text; this one calls nothing. */
const called = 'await fetch';

type Text = { readonly label: string; readonly text: string };

function forMcp({ credentialId }: ConnectionPage, gateway: string | null): Text[] {
  if (gateway === null)
    return [{ label: 'As an MCP server that a client starts', text: `keyward mcp ${credentialId}` }];
  return [{ label: 'Address of the MCP server', text: gateway }];
}

function forCalls({ credentialId, harmlessPath, sdk }: ConnectionPage, gateway: string | null): Text[] {
  // It goes into a shell.
  const path = harmlessPath !== null && /^\/[\w/.?=&%~:@,+-]*$/.test(harmlessPath) ? harmlessPath : '/';
  if (gateway === null) {
    return [
      { label: 'A call', text: `keyward call ${credentialId} '${path}'` },
      {
        label: 'A program, with a gateway of its own',
        text: `keyward run --gateway --env SERVICE=${credentialId} -- your-program`,
      },
    ];
  }
  const url = `${gateway}${path}`;
  return [
    { label: 'Base URL', text: gateway },
    ...(sdk === null
      ? []
      : [
          {
            label: 'The vendor’s own library',
            text: `export ${sdk.baseUrl}=${gateway}\nexport ${sdk.key}=$KEYWARD_TOKEN`,
          },
        ]),
    { label: 'curl', text: `curl -H "Authorization: Bearer $KEYWARD_TOKEN" '${url}'` },
    {
      label: 'JavaScript',
      text: `${called}('${url}', { headers: { authorization: \`Bearer \${process.env.KEYWARD_TOKEN}\` } })`,
    },
  ];
}
