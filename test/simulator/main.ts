/** `npm run simulator [port]`: serves every profile until it is stopped, for anyone who tests an OAuth client. */
import { client } from './client.ts';
import { profiles } from './profiles.ts';
import { startSimulator } from './server.ts';

const port = Number(process.argv[2] ?? 7360);
const { origin } = await startSimulator(profiles, port).catch(() => {
  process.stderr.write('This port can not be listened on. Name a free one: npm run simulator -- 7361\n');
  process.exit(2);
});
const width = Math.max(...Object.keys(profiles).map(({ length }) => length));
const rows = Object.entries(profiles).map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`);
process.stdout.write(`Simulated services at ${origin}/<profile>/authorize, /token, /revoke and /api/…,
with metadata at ${origin}/.well-known/oauth-authorization-server/<profile>

Client id      ${client.id}
Client secret  ${client.secret}
Redirect URIs  any on loopback; everybody consents at once

${rows.join('\n')}

`);
