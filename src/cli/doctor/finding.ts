/** What `keyward doctor` finds, and how a check that fails becomes a finding. */
import { KeywardError, toPublic } from '../../errors.ts';

/** `unknown`: it could not be looked at, or nobody can tell from here. */
export type Finding = {
  readonly check: string;
  readonly state: 'ok' | 'wrong' | 'unknown';
  /** What was looked at, and what is wrong with it. */
  readonly text: string;
  /** What puts it right: a command, or one sentence. */
  readonly mend?: string;
};

/** A part of the check-up. It looks, and changes nothing that using Keyward would not change. */
export type Check = { readonly name: string; readonly look: () => Promise<readonly Finding[]> };

/** A check that takes longer is given up; those that ask many services show how far they are. */
const checkLimitMs = 120_000;

export const ok = (check: string, text: string): Finding => ({ check, state: 'ok', text });

export const wrong = (check: string, text: string, mend: string): Finding => ({ check, state: 'wrong', text, mend });

export const unknown = (check: string, text: string, mend?: string): Finding => ({
  check,
  state: 'unknown',
  text,
  ...(mend !== undefined && { mend }),
});

/** Runs one check. What it throws becomes a finding: no check keeps another one from being made. */
export async function findingsOf({ name, look }: Check): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly Finding[]>((resolve) => {
    const text = `took longer than ${checkLimitMs / 1_000} seconds`;
    timer = setTimeout(resolve, checkLimitMs, [unknown(name, text)]);
  });
  try {
    return await Promise.race([look(), late]);
  } catch (error) {
    return [failed(name, error)];
  } finally {
    clearTimeout(timer);
  }
}

/** An error as a finding. Only Keyward's own words are shown: any others may quote a secret. */
export function failed(check: string, error: unknown): Finding {
  if (!(error instanceof KeywardError)) {
    const { code } = Object(error) as { readonly code?: unknown };
    return unknown(check, `could not be looked at${typeof code === 'string' ? ` (${code})` : ''}`);
  }
  const { message, hint = 'keyward --help lists every option.' } = toPublic(error);
  return wrong(check, message, hint);
}
