/** The forms in which a service may give a secret back. They are compared without the case of letters. */

/** Byte → the same, or the small letter of a capital one (ASCII). */
export const folded = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));

/**
 * Shorter forms are left alone: a value of a few characters stands in any text by chance, and taking it out there would
 * tell whoever sends guesses which of them is right.
 */
export const minFormBytes = 6;

/**
 * Every form of these secrets as bytes, folded, each once: raw, escaped for JSON, URLs and HTML, UTF-16, base64,
 * base64url, hexadecimal.
 */
export function formsOf(secrets: readonly string[]): Uint8Array[] {
  const forms = new Map<string, Uint8Array>();
  for (const given of secrets) {
    // The length that counts is the secret's own: escaping makes it longer, not harder to guess.
    if (Buffer.byteLength(given) < minFormBytes) continue;
    // A lone surrogate has no encoding.
    const secret = Buffer.from(given).toString();
    const texts = new Set([...inEscapes(secret), ...encoded(secret), ...(isPlain(secret) ? [] : quoted(secret))]);
    const wide = Buffer.from(secret, 'utf16le');
    const all = [...Array.from(texts, (text) => Buffer.from(text)), wide, Buffer.from(wide).swap16()];
    for (const form of [...all, Buffer.from(secret, 'latin1')]) {
      for (let at = 0; at < form.length; at += 1) form[at] = folded[form[at] ?? 0] ?? 0;
      if (form.length >= minFormBytes) forms.set(form.toString('latin1'), form);
    }
  }
  return [...forms.values()];
}

/** True for a text that nothing has to escape (RFC 3986 §2.3), as most secrets are. */
function isPlain(secret: string): boolean {
  return /^[\w.~-]*$/.test(secret);
}

/** As it is, and with every character escaped. */
function inEscapes(secret: string): string[] {
  const units = Buffer.from(secret, 'utf16le').swap16().toString('hex');
  return [
    secret,
    units.replace(/..../g, '\\u$&'),
    Buffer.from(secret).toString('hex').replace(/../g, '%$&'),
    secret.replace(/./gs, (unit) => `&#${unit.charCodeAt(0)};`),
    secret.replace(/./gs, (unit) => `&#x${unit.charCodeAt(0).toString(16)};`),
    encodeURIComponent(secret).replace(/[-._~!'()*]/g, percent),
  ];
}

/** In the escapes of what it may be quoted in. */
function quoted(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const escapedJson = json.replace(/[^\x20-\x7e]|[<>&']/g, unicode);
  const url = encodeURIComponent(secret);
  const strictUrl = url.replace(/[!'()*]/g, percent);
  return [
    json,
    json.replaceAll('/', '\\/'),
    escapedJson,
    escapedJson.replaceAll('/', '\\/'),
    // JSON within JSON.
    JSON.stringify(json).slice(1, -1),
    encodeURI(secret),
    url,
    strictUrl,
    strictUrl.replaceAll('%20', '+'),
    new URLSearchParams([['', secret]]).toString().slice(1),
    url.replaceAll('%', '%25'),
    strictUrl.replaceAll('%', '%25'),
    secret.replace(/[<>&"']/g, (unit) => `&#${unit.charCodeAt(0)};`),
    ...['&#39;', '&#x27;', '&#039;', '&apos;'].map((quote) => html(secret, quote)),
  ];
}

/** As bytes, encoded. */
function encoded(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((offset) => base64At(bytes, offset));
  const texts = base64.flatMap((text) => {
    const forUrl = text.replaceAll('+', '-').replaceAll('/', '_');
    return [text, forUrl, text.replaceAll('/', '\\/'), encodeURIComponent(text)];
  });
  return [...texts, bytes.toString('hex')];
}

/**
 * What base64 (RFC 4648 §4) makes of the bytes when so many others stand before them: the characters that depend on these
 * bytes alone, whatever stands around them.
 */
function base64At(bytes: Buffer, offset: number): string {
  const first = Math.ceil((offset * 8) / 6);
  const last = Math.floor(((offset + bytes.length) * 8) / 6);
  return Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .slice(first, last);
}

/** RFC 8259 §7; a character beyond the first plane is two. */
function unicode(unit: string): string {
  return `\\u${hex(unit.charCodeAt(0), 4)}`;
}

function percent(unit: string): string {
  return `%${hex(unit.charCodeAt(0), 2)}`;
}

function html(text: string, quote: string): string {
  const names: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": quote };
  return text.replace(/[&<>"']/g, (character) => names[character] ?? '');
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
