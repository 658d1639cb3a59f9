/** The forms in which a service may give a secret back. They are compared without the case of letters; see escapes.ts too. */

/**
 * A secret of fewer bytes is not looked for in what a service answers: it stands in any text by chance, and taking it
 * out there would tell whoever sends guesses which of them is right.
 */
export const minSecretBytes = 6;

/**
 * Longest secret that somebody enters, in bytes: what it takes to look for one grows with its length. The whole key file
 * of a Google service account has some 2,400, a private RSA key of 4,096 bits 3,300, an AWS session token up to 4,096.
 */
export const maxSecretBytes = 8_192;

/**
 * Longest token that an authorization server may issue, in bytes. Google says up to 12,288 for a federated access token
 * (https://docs.cloud.google.com/iam/docs/reference/cloudoauth/rest/v1/ExchangeTokenResponse), and 200 groups, the most
 * that Microsoft Entra puts into a token, take some 10,000. Few servers read a header of more than 16 KiB.
 */
export const maxTokenBytes = 16_384;

/** ASCII lower case, by byte. */
export const asciiLower = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));

/** Every form of these secrets in lower case, each once: as it is, in UTF-16, Latin-1, base64, base64url, hexadecimal. */
export function formsOf(secrets: readonly string[]): Uint8Array[] {
  const forms = new Map<string, Uint8Array>();
  for (const given of secrets) {
    // The length that counts is the secret's own: what encodes it makes it longer, not harder to guess.
    if (Buffer.byteLength(given) < minSecretBytes) continue;
    // A lone surrogate has no encoding.
    const secret = Buffer.from(given).toString();
    const bytes = Buffer.from(secret);
    const base64 = [0, 1, 2].map((offset) => base64At(bytes, offset));
    const forUrl = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
    const texts = [secret, ...base64, ...forUrl, bytes.toString('hex')];
    const wide = Buffer.from(secret, 'utf16le');
    const all = [...texts.map((text) => Buffer.from(text)), wide, Buffer.from(wide).swap16()];
    for (const form of [...all, Buffer.from(secret, 'latin1')]) add(forms, form);
  }
  return [...forms.values()];
}

function add(forms: Map<string, Uint8Array>, form: Buffer): void {
  for (let at = 0; at < form.length; at += 1) form[at] = asciiLower[form[at] ?? 0] ?? 0;
  if (form.length >= minSecretBytes) forms.set(form.toString('latin1'), form);
}

/**
 * What base64 (RFC 4648 §4) makes of the bytes when `offset` others stand before them: the characters that depend on these
 * bytes alone, whatever stands around them.
 */
function base64At(bytes: Buffer, offset: number): string {
  const first = Math.ceil((offset * 8) / 6);
  const last = Math.floor(((offset + bytes.length) * 8) / 6);
  return Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .slice(first, last);
}
