/** The least that an MCP client over stdio has to do, so that what is measured is the server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

type Answer = { readonly id?: number; readonly result?: Record<string, unknown>; readonly error?: unknown };

export type StdioServer = {
  readonly pid: number;
  request(method: string, params: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** Calls a tool; throws when it answers an error. */
  call(name: string, args?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** Closes its stdin and waits for its end. */
  stop(): Promise<void>;
};

/** Starts a server and shakes hands as a client of revision 2025-11-25. */
export async function startServer(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<StdioServer> {
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const request = requests(child);
  const call: StdioServer['call'] = async (name, input = {}) => {
    const result = await request('tools/call', { name, arguments: input });
    if (result.isError) throw new Error(`${name} failed: ${JSON.stringify(result.content)}`);
    return result;
  };
  const stop = async () => {
    child.stdin.end();
    await ended;
  };
  const clientInfo = { name: 'keyward-bench', version: '1.0.0' };
  await request('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
  child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' })}\n`);
  return { pid: child.pid ?? 0, request, call, stop };
}

function requests({ stdin, stdout }: ChildProcess): StdioServer['request'] {
  if (!stdin || !stdout) throw new Error('The server has no pipes.');
  const waiting = new Map<
    number,
    { resolve: (result: Record<string, unknown>) => void; reject: (why: Error) => void }
  >();
  createInterface({ input: stdout })
    .on('line', (line) => {
      const { id = 0, result, error } = JSON.parse(line) as Answer;
      if (result) waiting.get(id)?.resolve(result);
      else waiting.get(id)?.reject(new Error(`The server answered ${JSON.stringify(error)}.`));
      waiting.delete(id);
    })
    .on('close', () => {
      for (const { reject } of waiting.values()) reject(new Error('The server has gone.'));
    });
  stdin.on('error', () => undefined);
  let last = 0;
  return (method, params) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: last, method, params })}\n`);
    });
}
