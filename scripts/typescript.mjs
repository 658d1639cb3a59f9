/** `node --import ./scripts/typescript.mjs file.ts` runs TypeScript on every Node that Keyward supports (20 cannot). */
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
