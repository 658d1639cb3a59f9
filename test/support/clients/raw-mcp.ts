/** JSON-RPC by hand, for what a well-behaved client never sends. */
import type { Transport } from '@modelcontextprotocol/client';

export type Answer = { result?: Record<string, unknown>; error?: { code: number; message: string } };

/** Sends requests of a 2026-07-28 client that declares these capabilities, and answers with what comes back. */
export async function rawModern(transport: Transport, capabilities: Record<string, unknown> = {}) {
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  transport.onmessage = (message) => {
    if ('id' in message && typeof message.id === 'number') waiting.get(message.id)?.resolve(message as Answer);
  };
  transport.onclose = () => {
    for (const { reject } of waiting.values()) reject(new Error('Keyward has gone.'));
  };
  await transport.start();
  let last = 0;
  const request = (method: string, params: Record<string, unknown>): Promise<Answer> => {
    last += 1;
    const id = last;
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': capabilities,
    };
    const answer = new Promise<Answer>((resolve, reject) => waiting.set(id, { resolve, reject }));
    return transport.send({ jsonrpc: '2.0', id, method, params: { ...params, _meta } }).then(() => answer);
  };
  return {
    request,
    call: (name: string, args: unknown, more: Record<string, unknown> = {}) =>
      request('tools/call', { name, arguments: args, ...more }),
  };
}
