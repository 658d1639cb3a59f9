/** Hashes of inline texts, for the content security policy. */
import { createHash } from 'node:crypto';

/** The content security policy source that allows exactly this inline text (CSP Level 3, §2.3.1 `hash-source`). */
export function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
