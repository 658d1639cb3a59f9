/** The forms in which a service may give a secret back. They are compared without the case of letters; see escapes.ts too. */
import { folded } from './folding.ts';
import { minSecretBytes } from './secret-length.ts';

/** The forms of some secrets as bytes, folded. */
export type Forms = {
  /** As they are, in UTF-16, base64, base64url, hexadecimal. */
  readonly plain: readonly Uint8Array[];
  /** Those of which single characters may be escaped besides, as text in UTF-8. */
  readonly escapable: readonly Uint8Array[];
};

/** Every form of these secrets, each once. */
export function formsOf(secrets: readonly string[]): Forms {
  const plain = new Map<string, Uint8Array>();
  const escapable = new Map<string, Uint8Array>();
  for (const given of secrets) {
    // The length that counts is the secret's own: what encodes it makes it longer, not harder to guess.
    if (Buffer.byteLength(given) < minSecretBytes) continue;
    // A lone surrogate has no encoding.
    const secret = Buffer.from(given).toString();
    const bytes = Buffer.from(secret);
    const base64 = [0, 1, 2].map((offset) => base64At(bytes, offset));
    const forUrl = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
    const texts = [secret, secret.replaceAll(' ', '+'), ...base64, ...forUrl, bytes.toString('hex')];
    const wide = Buffer.from(secret, 'utf16le');
    const all = [...texts.map((text) => Buffer.from(text)), wide, Buffer.from(wide).swap16()];
    for (const form of [...all, Buffer.from(secret, 'latin1')]) add(plain, form);
    add(escapable, bytes);
    for (const text of base64) if (/[+/]/.test(text)) add(escapable, Buffer.from(text));
  }
  return { plain: [...plain.values()], escapable: [...escapable.values()] };
}

function add(forms: Map<string, Uint8Array>, form: Buffer): void {
  for (let at = 0; at < form.length; at += 1) form[at] = folded[form[at] ?? 0] ?? 0;
  if (form.length >= minSecretBytes) forms.set(form.toString('latin1'), form);
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
