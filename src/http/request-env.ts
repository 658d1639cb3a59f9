/** The Hono context of this server. A type of its own, so that guards and routes need not import each other. */
import type { Client } from './listener/client-address.ts';

/** What every handler finds in the context. */
export type RequestEnv = {
  Variables: {
    client: Client;
    requestId: string;
    /** Throws `rate_limited` when the client's address asks too much. It has no line of its own then: see refused.ts. */
    admit: () => Promise<void>;
  };
};
