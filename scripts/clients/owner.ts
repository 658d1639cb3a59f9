/** The person at the browser: signs in with a code, reads the page that asks, says yes, and goes where that leads. */
import { createBrowser, type Shown } from '../../test/support/clients/session.ts';

/** What the page said of the program. */
export type Asked = { readonly title: string; readonly vouchedFor: string; readonly goesBackTo: string };

export type Owner = {
  /** Opens the link of a program, lets it in, and answers what was asked and where the browser is sent back to. */
  letIn(link: string): Promise<{ readonly asked: Asked; readonly back: URL }>;
};

/** @param newCode a sign-in code, from Keyward's command line */
export function createOwner(newCode: () => Promise<string>): Owner {
  const browser = createBrowser();
  return {
    async letIn(link) {
      let page = await browser.open(link);
      if (page.text.includes('name="code"')) {
        const fields = { csrf: hidden(page, 'csrf'), to: hidden(page, 'to'), code: await newCode() };
        page = await browser.send(new URL('/sign-in', page.url), fields);
      }
      if (!page.url.pathname.startsWith('/oauth/consent/'))
        throw new Error(`No page asks: ${page.status} ${said(page)}`);
      const asked = {
        title: plain(page.heading),
        vouchedFor: fact(page, 'Vouched for by'),
        goesBackTo: fact(page, 'Goes back to'),
      };
      const answer = { csrf: hidden(page, 'csrf'), answer: 'yes', which: 'all', days: '30' };
      const leaving = await browser.send(page.url, answer);
      const [, goTo] = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(leaving.text) ?? [];
      if (goTo === undefined) throw new Error(`Nobody was let in: ${leaving.status} ${said(leaving)}`);
      const last = await browser.open(goTo.replaceAll('&amp;', '&'), 0);
      return { asked, back: new URL(last.headers.get('location') ?? '') };
    },
  };
}

function hidden({ text }: Shown, name: string): string {
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1]?.replaceAll('&amp;', '&') ?? '';
}

function fact({ text }: Shown, name: string): string {
  const [, value = ''] = new RegExp(`<dt>${name}</dt><dd>([\\s\\S]*?)</dd>`).exec(text) ?? [];
  return plain(value);
}

/** The words of a page, for who looks after a failure. */
function said({ text }: Shown): string {
  return plain(/<main>[\s\S]*<\/main>/.exec(text)?.[0] ?? text);
}

function plain(html: string): string {
  return html
    .replace(/<[^>]*>/g, '')
    .replaceAll('&quot;', '"')
    .replace(/\s+/g, ' ')
    .trim();
}
