/** `npm run simulator [-- port]`: serves every profile until it is stopped, for anyone who tests an OAuth client. */
import { guide } from './guide.ts';
import { profiles } from './profiles.ts';
import { startSimulator } from './server.ts';

const usage =
  'npm run simulator [-- port]: OAuth services that misbehave, for testing OAuth clients. Default port: 7360.';

const [asked = '7360'] = process.argv.slice(2);
const port = Number(asked);

if (!/^\d{1,5}$/.test(asked)) {
  process.stdout.write(`${usage}\n`);
  process.exit(asked === '--help' || asked === '-h' ? 0 : 2);
}
const { origin } = await startSimulator(profiles, port).catch(() => {
  process.stderr.write(`Port ${port} can not be listened on. Name a free one: npm run simulator -- 7361\n`);
  process.exit(2);
});
process.stdout.write(`${guide(origin, profiles)}\nCtrl+C ends it.\n`);
