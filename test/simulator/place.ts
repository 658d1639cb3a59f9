/** Moving a connector's definition to a simulated service: same fields, other addresses. */
import type { ConnectorFile } from '../../src/connectors/definition.ts';

type Json = Readonly<Record<string, unknown>>;

/** Endpoint of a definition → endpoint of the simulator. */
const endpoints = {
  authorizationEndpoint: 'authorize',
  tokenEndpoint: 'token',
  refreshEndpoint: 'token',
  revocationEndpoint: 'revoke',
} as const;

/**
 * The definition with its `oauth2` entry alone, at `<origin>/<profile>`. What an address was stays behind the name of
 * the endpoint, so that its templates are still filled: a host or an origin that an answer or a callback brought becomes
 * a part of the path. Everything else is as the vendor's definition says.
 */
export function placed(file: ConnectorFile, origin: string, profile: string): { readonly id: string } & Json {
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
  const auth = file.auth.find((one) => one.authenticationType === 'oauth2');
  if (auth?.authenticationType !== 'oauth2') throw new Error(`${file.id} has no oauth2.`);
  const moved = Object.entries(endpoints).flatMap(([field, endpoint]) => {
    const url = auth[field as keyof typeof endpoints];
    return url === undefined ? [] : [[field, move(endpoint, url)]];
  });
  const { issuer, deviceAuthorizationEndpoint, ...rest } = auth;
  const discovered = issuer !== undefined && auth.tokenEndpoint === undefined;
  return {
    ...file,
    id: placedId(file.id),
    aliases: [],
    api: moveApi(file.api),
    auth: [
      {
        ...rest,
        ...Object.fromEntries(moved),
        ...(discovered && { issuer: base }),
        ...(auth.api && { api: moveApi(auth.api) }),
      },
    ],
  };
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

/** A user's file can't have the id of a built-in connector. */
export function placedId(id: string): string {
  return `simulated.${id}`;
}
