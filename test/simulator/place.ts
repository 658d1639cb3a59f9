/** Moving a connector's definition to a simulated service: same fields, other addresses. */
import type { ConnectorFile } from '../../src/connectors/definition/definition.ts';

type Json = Readonly<Record<string, unknown>>;
type AuthMethodFile = ConnectorFile['auth'][number];
type OAuth2File = Extract<AuthMethodFile, { authenticationType: 'oauth2' }>;

/** Endpoint of a definition → endpoint of the simulator. */
const endpoints = {
  authorizationEndpoint: 'authorize',
  tokenEndpoint: 'token',
  refreshEndpoint: 'token',
  revocationEndpoint: 'revoke',
} as const;

/**
 * The definition with one authentication type alone, at `<origin>/<profile>`. What an address was stays behind the name of
 * the endpoint, so that its templates are still filled: a host or an origin that an answer or a callback brought becomes
 * a part of the path. Everything else is as the vendor's definition says.
 */
export function placed(
  file: ConnectorFile,
  origin: string,
  profile: string,
  type: AuthMethodFile['authenticationType'] = 'oauth2',
): { readonly id: string } & Json {
  const base = `${origin}/${profile}`;
  const move = (endpoint: string, url: string) => `${base}/${endpoint}/${url.replace(/^https:\/\//, '')}`;
  const moveVerify = (verify: Json): Json => ({
    ...verify,
    ...(typeof verify.baseUrl === 'string' && { baseUrl: move('api', verify.baseUrl) }),
  });
  const moveApi = (api: Json): Json => ({
    ...api,
    ...(typeof api.baseUrl === 'string' && { baseUrl: move('api', api.baseUrl) }),
    ...(isJson(api.verify) && { verify: moveVerify(api.verify) }),
    allowedHosts: [new URL(origin).host],
  });
  const auth = file.auth.find((one) => one.authenticationType === type);
  if (auth === undefined) throw new Error(`${file.id} has no ${type}.`);
  // Those are for built-in connectors alone.
  const { clientFamily: _, scopeDescriptions: __, ...own } = file;
  return {
    ...own,
    id: placedId(profile),
    aliases: [],
    api: moveApi(file.api),
    auth: [
      {
        ...(auth.authenticationType === 'oauth2' ? movedEndpoints(auth, base, move) : auth),
        ...(auth.api && { api: moveApi(auth.api) }),
      },
    ],
  };
}

/** Endpoints that are given stay given, those that are discovered stay discovered. */
function movedEndpoints(auth: OAuth2File, base: string, move: (endpoint: string, url: string) => string): Json {
  const moved = Object.entries(endpoints).flatMap(([field, endpoint]) => {
    const url = auth[field as keyof typeof endpoints];
    return url === undefined ? [] : [[field, move(endpoint, url)]];
  });
  const { issuer, deviceAuthorizationEndpoint, ...rest } = auth;
  const discovered = issuer !== undefined && auth.tokenEndpoint === undefined;
  return { ...rest, ...Object.fromEntries(moved), ...(discovered && { issuer: base }) };
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

/** A user's file can't have the id of a built-in connector. */
export function placedId(id: string): string {
  return `simulated.${id}`;
}
