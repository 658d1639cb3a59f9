/** What each built-in connector supports, as a table in text. */
import { complete } from '../src/connectors/definition/complete.ts';
import type { AuthMethod, ConnectorFile } from '../src/connectors/definition/definition.ts';

const columns = [
  'connector',
  'authentication type',
  'grants',
  'PKCE',
  'refresh',
  'revoke',
  'verify',
  'inputs',
] as const;
const day = 86_400;

/** One row for each authentication type of each connector. */
export function connectorTable(definitions: readonly ConnectorFile[]): string {
  const rows = definitions
    .map(complete)
    .flatMap((connector) =>
      connector.auth.map((auth, index) => [
        index === 0 ? connector.id : '',
        auth.authenticationType,
        ...oauthCells(auth),
        auth.api.verify === null ? 'no' : `${auth.api.verify.method} ${auth.api.verify.path}`,
        [connector.inputs, auth.inputs].flatMap(({ properties }) => Object.keys(properties)).join(' '),
      ]),
    );
  const widths = columns.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [columns, ...rows]
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** Grants, PKCE, refresh and revocation. */
function oauthCells(auth: AuthMethod): readonly [string, string, string, string] {
  if (auth.authenticationType === 'oauth2_client_credentials')
    return ['client', '', 'asks again', auth.revocationEndpoint === null ? 'no' : 'yes'];
  if (auth.authenticationType === 'oauth2_jwt_bearer')
    return ['assertion', '', 'signs again', auth.revocationEndpoint === null ? 'no' : 'yes'];
  if (auth.authenticationType !== 'oauth2') return ['', '', '', ''];
  const { rotates, idleLifetimeSeconds: idle, absoluteLifetimeSeconds: absolute } = auth.refresh;
  const lifetimes = [
    ...(rotates ? ['rotates'] : []),
    ...(idle === null ? [] : [`idle ${days(idle)}`]),
    ...(absolute === null ? [] : [`at most ${days(absolute)}`]),
  ];
  return [
    auth.deviceAuthorizationEndpoint === null ? 'code' : 'code device',
    auth.pkce,
    lifetimes.join(', ') || 'yes',
    auth.revocationEndpoint === null && auth.tokenEndpoint !== null ? 'no' : 'yes',
  ];
}

function days(seconds: number): string {
  return seconds < day ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / day)} d`;
}
