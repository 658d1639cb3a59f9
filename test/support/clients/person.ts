/** A person with a browser: follows a link, fills in Keyward's pages, goes to the service and comes back. */
import { setTimeout as delay } from 'node:timers/promises';
import { stepHeader } from '../../../src/http/pages/script.ts';
import { type ClickOptions, clickThrough } from './click-through.ts';

export type Person = ClickOptions & {
  /** What is typed into Keyward's forms, by field name: secrets, client id and client secret. */
  readonly fields?: Readonly<Record<string, string>>;
};

/** How it ended: the last step shown, and the text of that page. */
export type Ending = { readonly step: string; readonly page: string };

const lastSteps = ['completed', 'failed', 'expired'];

/** Opens the link and goes through every page to the end. */
export async function followLink(link: string, person: Person = {}): Promise<Ending> {
  const browser = openBrowser();
  let url = link;
  for (let turn = 0; turn < 100; turn += 1) {
    const { page, step } = await browser.get(url);
    if (lastSteps.includes(step)) return { step, page };
    if (step === 'authorize') url = (await clickThrough(buttonLink(page), person)).href;
    else if (step === 'inputs' || step === 'auth_config') await browser.submit(url, page, person.fields ?? {});
    // The pages of a flow that goes on elsewhere reload themselves; a script asks again.
    else if (step === 'working') await delay(200);
    else throw new Error(`A page without a step: ${page.slice(0, 2_000)}`);
  }
  throw new Error('The pages never end.');
}

/** True for the link of a request for approval. */
export function isApproval(link: string): boolean {
  return new URL(link).pathname.startsWith('/approvals/');
}

/** Opens the page of a request for approval, presses the button of this answer, and tells in which state it is then. */
export async function answerRequest(link: string, answer: 'once' | 'deny' | 'end'): Promise<Ending> {
  const browser = openBrowser();
  const { page } = await browser.get(link);
  return browser.send(link, new URLSearchParams({ csrf: /name="csrf" value="([^"]*)"/.exec(page)?.[1] ?? '', answer }));
}

/** Keeps cookies by host name, since ports don't separate them, and follows redirects. */
function openBrowser() {
  const cookies = new Map<string, string>();

  async function request(start: string, form?: URLSearchParams): Promise<{ page: string; step: string }> {
    let url = new URL(start);
    for (let body = form; ; body = undefined) {
      const response: Response = await fetch(url, {
        redirect: 'manual',
        headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
        ...(body ? { method: 'POST', body } : {}),
      });
      for (const cookie of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        cookies.set(name, value);
      }
      const page = await response.text();
      const location = response.headers.get('location');
      if (location === null) return { page, step: response.headers.get(stepHeader) ?? '' };
      url = new URL(location, url);
    }
  }

  return {
    get: (url: string) => request(url),
    send: request,
    submit: (url: string, page: string, fields: Readonly<Record<string, string>>) => {
      const form = new URLSearchParams({ csrf: hidden(page, 'csrf'), action: hidden(page, 'action') });
      for (const [name, value] of Object.entries(fields)) form.set(`field.${name}`, value);
      return request(url, form);
    },
  };
}

/** The link that a page offers as its next step. */
function buttonLink(page: string): string {
  const anchor = /<a [^>]*class="[^"]*button[^"]*"[^>]*>/.exec(page)?.[0] ?? '';
  const href = /href="([^"]+)"/.exec(anchor)?.[1];
  if (href === undefined) throw new Error(`A page without a link: ${page.slice(0, 2_000)}`);
  return href.replaceAll('&amp;', '&');
}

function hidden(page: string, name: string): string {
  const form = /<form[^>]*id="ask"[^>]*>([\s\S]*?)<\/form>/.exec(page)?.[1] ?? '';
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(form)?.[1] ?? '';
}
