/** A browser in a few lines: follows redirects, keeps cookies, submits the one form of each page. */

export type ClickOptions = {
  /** Who signs in; default `ann`. */
  readonly login?: string;
  /** What the person clicks on the consent page; default `allow`. */
  readonly decision?: 'allow' | 'deny';
};

/**
 * Opens an authorization URL of the test authorization server, signs in, decides, and answers the URL the browser is
 * sent to outside of that server: the callback with its query. Nothing is requested there.
 */
export async function clickThrough(authorizationUrl: URL | string, options: ClickOptions = {}): Promise<URL> {
  const outside = await browse(new URL(authorizationUrl), options);
  if (outside instanceof URL) return outside;
  throw new Error('The pages ended without a redirect to the client.');
}

/** Opens a device flow's verification URL with the user code in it and goes through the pages to the end. */
export async function approveDevice(verificationUriComplete: string, options: ClickOptions = {}): Promise<void> {
  await browse(new URL(verificationUriComplete), options);
}

/** Browses until a redirect leaves the origin (that URL) or a page has no form (its text). */
async function browse(start: URL, options: ClickOptions): Promise<URL | string> {
  const cookies = new Map<string, string>();
  let url = start;
  let form: URLSearchParams | null = null;
  let denied = false;
  for (let step = 0; step < 30; step += 1) {
    const response: Response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form ? { method: 'POST', body: form } : {}),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    form = null;
    const text = await response.text();
    const location = response.headers.get('location');
    if (location !== null) {
      url = new URL(location, url);
      if (url.origin !== start.origin) return url;
      continue;
    }
    const filled: FilledForm | null = denied ? null : fillForm(text, options);
    if (!filled) return text;
    // After a no, the device page asks for a code again.
    denied = filled.fields.get('decision') === 'deny';
    url = new URL(filled.action, url);
    form = filled.fields;
  }
  throw new Error('The pages never end.');
}

type FilledForm = { readonly action: string; readonly fields: URLSearchParams };

function fillForm(html: string, options: ClickOptions): FilledForm | null {
  const form = /<form([^>]*)>([\s\S]*?)<\/form>/i.exec(html);
  if (!form) return null;
  const fields = new URLSearchParams();
  for (const [, attributes = ''] of (form[2] ?? '').matchAll(/<input([^>]*)>/gi)) {
    const name = attribute(attributes, 'name');
    if (name) fields.set(name, attribute(attributes, 'value') ?? '');
  }
  if (fields.has('login')) fields.set('login', options.login ?? 'ann');
  // Only the consent page asks for a decision.
  const asks = /name="decision" value="deny"/.test(form[2] ?? '');
  fields.set('decision', asks ? (options.decision ?? 'allow') : 'allow');
  return { action: attribute(form[1] ?? '', 'action') ?? '', fields };
}

function attribute(text: string, name: string): string | undefined {
  return new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1]?.replaceAll('&amp;', '&');
}
