/**
 * Zod would write code for each schema and evaluate it. Interpreting schemas starts 4 ms faster and serves as many calls
 * a second, and a process that holds secrets evaluates no text. Import it before whatever makes schemas.
 */
import { config } from 'zod';

config({ jitless: true });
