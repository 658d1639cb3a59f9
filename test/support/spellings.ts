/** How a secret may look in a file, so that a search finds it whatever somebody did to it. */

/** As it is, reversed, in hex, URL-encoded, JSON-escaped, in UTF-16, and in base64 at each of its three offsets. */
export function spellingsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  // At another offset the letters at both ends depend on what is beside them.
  const base64 = [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const inner = text.slice(offset === 0 ? 0 : offset + 1, -1);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
  const hex = bytes.toString('hex');
  const wide = Buffer.from(secret, 'utf16le').toString('latin1');
  const escaped = JSON.stringify(secret).slice(1, -1);
  const reversed = [...secret].reverse().join('');
  return [...new Set([secret, reversed, hex, hex.toUpperCase(), encodeURIComponent(secret), escaped, wide, ...base64])];
}
