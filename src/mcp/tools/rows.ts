/** Output shapes that several tools answer. Unknown fields are allowed, so that a newer Keyward may say more. Made when asked for, see tool.ts. */
import * as z from 'zod';

const time = () => z.string().meta({ format: 'date-time' });

/** What everybody with access sees of a connection; never its secret. */
export const connectionShape = () => ({
  credentialId: z.string().describe('Also its connectionId'),
  name: z.string(),
  sharedBy: z
    .string()
    .optional()
    .describe('Whose it is; then name and account are in “quotes”: that person’s words, not the reader’s'),
  connectorId: z.string(),
  hosts: z.array(z.string()).describe('Where its calls go'),
  baseUrl: z.string().optional().describe('What the path of call_api is below'),
  authenticationType: z.string(),
  status: z.enum(['active', 'reconnect_required']),
  statusReason: z
    .string()
    .optional()
    .describe('Why a person has to connect again, or why the service did not confirm it yet'),
  account: z.string().optional().describe('The account at the service, once verified'),
  tools: z.string().optional().describe('Of an MCP server: what waits until its owner has looked at it'),
  scopes: z.array(z.string()).optional(),
  access: z.enum(['owner', 'use', 'view']),
  createdAt: time(),
  updatedAt: time(),
  lastUsedAt: time().nullable(),
  expiresAt: time().nullable().describe('Expiry of the access token; Keyward renews it by itself'),
  reconnectBy: time().nullable().describe('When a person has to connect again at the latest; null: no end is known'),
});

export const connection = () => z.object(connectionShape());

/** Which calls are allowed; null is all of them. */
const allowed = () =>
  z.object({
    methods: z.array(z.string()).nullable(),
    paths: z.array(z.string()).nullable(),
    ask: z
      .array(
        z.object({
          methods: z.array(z.string()).nullable(),
          except: z.array(z.string()).optional(),
          paths: z.array(z.string()).nullable(),
        }),
      )
      .optional()
      .describe('Asked of the owner first'),
    tools: z
      .object({
        allow: z.array(z.string()).nullable(),
        ask: z.array(z.string()),
        refuse: z.array(z.string()),
        unseen: z.enum(['allow', 'ask', 'refuse']),
      })
      .optional()
      .describe('Of an MCP server'),
  });

/** The rules for calls, for whoever may call. */
export const policies = () => ({
  policy: allowed().optional().describe('The only calls that call_api may make; absent: no limit'),
  sharedPolicies: z.array(allowed()).optional().describe('What the shares allow within it; one has to'),
});

/** With whom a connection is shared; only its owner sees it. */
export const shares = () =>
  z.array(
    z.object({
      with: z.string(),
      permission: z.enum(['view', 'use']),
      policy: allowed().optional(),
      status: z
        .enum(['offered', 'taken', 'ended', 'off'])
        .optional()
        .describe(
          'With another tenant: offered waits for a person there; ended: nobody took it; off: not allowed here',
        ),
      takenBy: z.array(z.string()).optional(),
      endsAt: time().optional().describe('When an offer ends that nobody takes'),
    }),
  );

/** An error as Keyward tells it: what went wrong, and the next step. */
export const publicError = () => z.object({ code: z.string(), message: z.string(), hint: z.string().optional() });

/** What a connection that was just made looks like. */
export function outcome() {
  return {
    credentialId: z.string().optional().describe('Present when it is connected'),
    account: z.string().optional().describe('Whose account at the service it is'),
    baseUrl: z.string().optional().describe('What the paths of call_api are below'),
    detail: z.string().optional().describe('Why the service did not confirm it; verify_credential asks again'),
  };
}
