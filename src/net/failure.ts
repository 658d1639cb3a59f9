/** Network failures in Keyward's words. A library's own error never leaves: it may quote what was sent. */
import { KeywardError } from '../errors.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name does not resolve',
  ENODATA: 'its name does not resolve',
  EAI_AGAIN: 'its name could not be resolved',
  ECONNREFUSED: 'it refused the connection',
  EHOSTUNREACH: 'it can not be reached',
  ENETUNREACH: 'the network can not be reached',
  UND_ERR_CONNECT_TIMEOUT: 'it did not accept the connection in time',
  ECONNRESET: 'it closed the connection',
  UND_ERR_SOCKET: 'it closed the connection',
  EPIPE: 'it closed the connection',
  HPE_INVALID_CONSTANT: 'it does not speak HTTP',
  UND_ERR_HEADERS_OVERFLOW: 'its headers are too large',
};

/** What is wrong with a certificate (OpenSSL's X509_V_ERR names, and Node's own), and what to do about it. */
const certificateFailures: readonly (readonly [code: RegExp, reason: string, hint: string])[] = [
  [
    /^(DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/,
    'nobody that this computer trusts issued its certificate',
    'Where a company inspects traffic or has a certificate authority of its own, set NODE_EXTRA_CA_CERTS to the file with its certificate and start Keyward again. Else the connection may be intercepted.',
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'its certificate is for another name',
    'Check the address: a mistyped name, or a login page of a network in between, answers with a certificate of its own.',
  ],
  [
    /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    'its certificate has expired or is not valid yet',
    'Check the date of this computer. If it is right, the service has to renew its certificate.',
  ],
  [/^(CERT_|ERR_TLS_CERT)/, 'its certificate is not valid', 'Try again later; the service has to mend it.'],
];

/**
 * `provider_unavailable` for a request that failed on the way.
 *
 * @param sent whether any of it may have reached the service
 */
export function networkFailure(url: URL, error: unknown, sent: boolean): KeywardError {
  const code = codeOf(error);
  const [, problem, mend] = certificateFailures.find(([codes]) => codes.test(code)) ?? [];
  const message = `${url.host} did not answer: ${problem ?? reasons[code] ?? 'the connection failed'}.`;
  return unavailable(message, sent, mend ?? (['ENOTFOUND', 'ENODATA'].includes(code) ? noSuchHost : undefined));
}

/** `provider_unavailable` for a request that took too long. */
export function timeoutFailure(url: URL, timeoutMs: number, sent: boolean): KeywardError {
  return unavailable(`${url.host} did not answer within ${Math.ceil(timeoutMs / 1000)} s.`, sent);
}

export function cancelled(sent: boolean): KeywardError {
  return new KeywardError('cancelled', 'The request was cancelled.', { details: { ambiguous: sent } });
}

const later = 'Try again in a moment. If it keeps failing, check the network and the status page of the service.';
const noSuchHost =
  'Check the network. Where a part of that name was typed to connect, such as a shop or a subdomain, check that, too: connect again with the right one.';

function unavailable(message: string, ambiguous: boolean, hint = later): KeywardError {
  return new KeywardError('provider_unavailable', message, { hint, details: { ambiguous } });
}

/** The code of an error; of the first inner one when several addresses were tried. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error instanceof AggregateError ? codeOf(error.errors[0]) : '';
}
