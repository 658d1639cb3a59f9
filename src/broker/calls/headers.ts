/** Headers that a caller may add to a call. What says who calls, where it goes or how it is framed is not among them. */
import { KeywardError } from '../../errors.ts';
import { isFraming } from '../../header-names.ts';

/** Another method or path than the one that was checked: nobody may ask for that. */
const misleading: readonly RegExp[] = [
  /^(x-)?(http-)?(method|verb)(-override)?$/,
  /^x-http-(method|verb|path|host|ur[il]|destination).*$/,
  /^x-(original|rewrite|override)-.*$/,
  /^x-(host|path|ur[il])$/,
];

/** Kinds of headers that say who calls, or where it goes. */
const notTheCallers: readonly RegExp[] = [
  // The connection, besides what frames the message (RFC 9113 §8.2.2, RFC 9110 §7.6.2, RFC 8586).
  /^(trailers|http2-settings|max-forwards|cdn-loop)$/,
  // What Keyward itself asks for: it has to read the answer.
  /^accept-encoding$/,
  // Where what the path names is to go (RFC 4918 §10.3): a place that nobody checked.
  /^destination$/,
  // Credentials of any kind: a call has those of its connection.
  /^((.*-)?authorization|cookie2?|proxy-.*|sec-.*)$/,
  /^(x-)?((api|app|access|auth|admin|private|personal|job|deploy|session|user|id|identity|vault)-?token|(api|app|access|auth|secret)-?key|jwt(-.*)?)$/,
  // Whom the call is made for, where an administrator may choose that: GitLab, Kubernetes, Elasticsearch, Dynamics.
  /^(x-)?(sudo|impersonate.*|act-as.*|run-as.*|on-behalf-of.*)$|^(es-security-runas-user|mscrmcallerid|callerobjectid)$/,
  // Who calls, as identity services and proxies that sign people in report it.
  /^(x-)?(remote|auth|authenticated|authentik|authelia|webauth|oidc|shib|saml|sso|pomerium|teleport|consumer|credential|anonymous)-.*$/,
  /^x-(user(name|id|info)?|email|groups?|roles?)$|^x-user-(?!agent$).*$|^(tailscale-.*|.*-userinfo)$/,
  /^(x-)?(ssl|tls|mtls|client-(cert|dn|verify|subject)).*$/,
  // Who calls, as clouds report it: Azure, Google, Amazon.
  /^x-(ms-(client-principal|token)|arr|appgw|azure|goog-(authenticated|iap)|appengine)(-.*)?$/,
  /^x-amzn-(oidc|mtls|tls|trace|request|apigateway|ava|vpc)-.*$/,
  // From where it comes and how it got here, as proxies report it.
  /^(x-)?(forwarded|real|originating|proxied|proxy|proxyuser|cluster)(-.*)?$|^(via|origin|referer|wl-proxy-.*)$/,
  /^(.*-)?(client|remote|source|user)-?(connection-)?(ip|addr|address)$/,
  /^(cf|fly|fastly|x-nf|x-envoy|x-istio|l5d|akamai|x-akamai|x-edge|cloudfront|x-cloudfront|x-middleware|x-accel|x-sendfile)-.*$/,
  /^x-vercel-(forwarded|proxied|ip|oidc)-.*$/,
  // Who traces what (W3C Trace Context and Baggage, and what came before): services are third parties.
  /^(traceparent|tracestate|baggage|b3|(x-b3|x-datadog|uber)-.*|x-cloud-trace-context)$/,
];

/**
 * All that somebody with a share may add: what the body is, and how the service is to answer. The rest is the owner's
 * word, since a service may take it for who calls or for whom. MCP's say which session and version a request is of.
 */
const ofShares =
  /^(accept|accept-language|content-(?!length$).*|if-.*|prefer|range|idempotency-key|last-event-id|mcp-(session-id|protocol-version|method|name|param-.*))$/;

/** What becomes of a header that only Keyward sets: a model is told, and a program's client adds some by itself. */
export type Reserved = 'refuse' | 'drop';

/** Whose headers they are. */
type Allowed = {
  /** Names that the connector fills in. */
  readonly own: ReadonlySet<string>;
  /** For somebody with a share, the names that the connector gives a constant value; null for the owner. */
  readonly named: ReadonlySet<string> | null;
  readonly reserved: Reserved;
};

/**
 * The caller's headers by name in lower case.
 *
 * @throws KeywardError `invalid_input` that names the header
 */
export function readHeaders(
  headers: Readonly<Record<string, string>>,
  { own, named, reserved }: Allowed,
): Record<string, string> {
  const [filled, constant] = [own, named ?? []].map((names) => new Set(Array.from(names, spelled)));
  const read = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    const plain = spelled(name);
    if (misleading.some((kind) => kind.test(plain))) throw refused(name, 'is not passed on');
    const shared = named === null || constant?.has(plain) || (plain === lower && ofShares.test(lower));
    const why =
      filled?.has(plain) || isFraming(plain) || notTheCallers.some((kind) => kind.test(plain))
        ? 'is set by Keyward or by nobody'
        : shared
          ? null
          : 'is for the owner of the connection to set';
    if (why !== null) {
      if (reserved === 'drop') continue;
      throw refused(name, why);
    }
    if (read.has(lower)) throw refused(name, 'is given twice');
    read.set(lower, value);
  }
  return Object.fromEntries(read);
}

/** Servers that read headers as variables (RFC 3875 §4.1.18) take every other character for a dash, and some drop it. */
function spelled(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}

function refused(name: string, problem: string): KeywardError {
  // A name that is none is told by egress, which looks at the characters.
  const shown = /^[\w-]{1,64}$/.test(name) ? name : 'with that name';
  return new KeywardError('invalid_input', `The header ${shown} ${problem}.`, {
    hint: 'Leave it out: Keyward adds what the service needs to know the caller.',
    details: { fields: { headers: problem } },
  });
}
