/** Calls tools over HTTP by hand, as cheaply as it can be done. */
import type { Pool } from 'undici';

export type CallTool = (name: string, args: object) => Promise<{ readonly status: number; readonly text: string }>;

export function callerOf(pool: Pool, token: string): CallTool {
  return async (name, args) => {
    const { statusCode, body } = await pool.request({
      path: '/mcp',
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }),
    });
    return { status: statusCode, text: await body.text() };
  };
}
