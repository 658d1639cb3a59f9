/**
 * A model on this computer, for a client that asks one before it calls a tool: it calls the tool whose name is given once,
 * then says what that answered. It streams as https://docs.claude.com/en/api/messages-streaming has it.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export type Model = { readonly url: string; close(): void };

type Block = { readonly type: string; readonly content?: unknown };
type Asked = {
  readonly stream?: boolean;
  readonly tools?: readonly { readonly name: string }[];
  readonly messages: readonly { readonly content: string | readonly Block[] }[];
};

/** @param tool what it calls, with these arguments, as soon as it is offered */
export async function startModel(tool: string, args: object): Promise<Model> {
  const server = createServer(async (request, response) => {
    if (!request.url?.startsWith('/v1/messages') || request.url.includes('count_tokens')) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{}');
      return;
    }
    const asked = JSON.parse(await text(request)) as Asked;
    const block = answerTo(asked, tool, args);
    const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'local', stop_sequence: null };
    const usage = { input_tokens: 1, output_tokens: 1 };
    const stop = block.type === 'tool_use' ? 'tool_use' : 'end_turn';
    if (!asked.stream) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ ...message, content: [block], stop_reason: stop, usage }));
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const send = (type: string, data: object) =>
      response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
    send('message_start', { message: { ...message, content: [], stop_reason: null, usage } });
    const isCall = block.type === 'tool_use';
    const start = isCall ? { ...block, input: {} } : { ...block, text: '' };
    send('content_block_start', { index: 0, content_block: start });
    const delta = isCall
      ? { type: 'input_json_delta', partial_json: JSON.stringify(block.input) }
      : { type: 'text_delta', text: block.text };
    send('content_block_delta', { index: 0, delta });
    send('content_block_stop', { index: 0 });
    send('message_delta', { delta: { stop_reason: stop, stop_sequence: null }, usage });
    send('message_stop', {});
    response.end();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

type Answer =
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: object }
  | { readonly type: 'text'; readonly text: string };

function answerTo({ tools = [], messages }: Asked, tool: string, input: object): Answer {
  const blocks = messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
  const result = blocks.findLast(({ type }) => type === 'tool_result');
  if (result !== undefined) return { type: 'text', text: `The tool answered ${JSON.stringify(result.content)}` };
  if (tools.some(({ name }) => name === tool)) return { type: 'tool_use', id: 'toolu_1', name: tool, input };
  return { type: 'text', text: `There is no tool ${tool}.` };
}
