/** libsodium, loaded once. Everything else in this folder is synchronous and relies on a keyring having been opened. */
import sodium from 'libsodium-wrappers';

/** Resolves when `sodium` may be used. Opening a keyring awaits it, so nothing can be sealed before. */
export async function loadSodium(): Promise<void> {
  await sodium.ready;
}

export { sodium };
