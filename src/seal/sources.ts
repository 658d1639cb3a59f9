/** Where the outer key comes from. */
/** What the configuration says about key material. */
export type KeySettings = {
  /** `KEYWARD_KEY`: 32 bytes as base64 or hex. */
  readonly key?: string;
  /** `KEYWARD_KEY_FILE`: path of a file that holds the same. */
  readonly keyFile?: string;
  /** `KEYWARD_PASSPHRASE`. */
  readonly passphrase?: string;
  /** Where a key is kept when nothing is configured and there is no keychain: in the config folder, never beside the vault. */
  readonly fallbackKeyFile: string;
  /** Whether the keychain of the operating system may be used. */
  readonly keychain: boolean;
};
