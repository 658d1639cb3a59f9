/** Byte → the same, or the small letter of a capital one (ASCII). */
export const folded = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));
