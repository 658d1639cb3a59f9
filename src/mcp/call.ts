/** One `tools/call`: finds the tool, runs it, and gives its answer or its error the one shape that clients know. */
import {
  type CallToolResult,
  type InputRequiredResult,
  isInputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server';
import { approvalOf } from '../broker/approvals/refusals.ts';
import { oneLine } from '../broker/input/text.ts';
import { KeywardError, toPublic } from '../errors.ts';
import type { Log } from '../log.ts';
import { askOwner } from './approval.ts';
import { tools } from './tools/index.ts';
import type { Tool, ToolCall, Written } from './tools/tool.ts';

/** What a tool has to say: its answer, or an error as JSON. */
type Told = Written | { readonly text: string; readonly isError: true };

/** Runs the tool of this name, and answers what the SDK writes. Throws for an unknown name only. */
export async function callTool(
  call: ToolCall,
  name: string,
  args: unknown,
): Promise<CallToolResult | InputRequiredResult> {
  const tool = tools.get(name);
  if (!tool) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${oneLine(name, 64) ?? ''}`);
  const told = await tell(call, tool, args);
  if (isInputRequiredResult(told)) return told;
  const content: CallToolResult['content'] = [{ type: 'text', text: told.text }];
  return 'isError' in told ? { content, isError: true } : { content, structuredContent: told.structuredContent };
}

/**
 * Runs the tool, and answers the members of its result as JSON, without the braces: the JSON of an answer is made once,
 * for its text, and is its `structuredContent` too.
 */
export async function callToolInJson(call: ToolCall, tool: Tool, args: unknown): Promise<ToldInJson> {
  const told = await tell(call, tool, args);
  if (isInputRequiredResult(told)) return { members: JSON.stringify(told).slice(1, -1), complete: false };
  const content = `"content":[{"type":"text","text":${JSON.stringify(told.text)}}]`;
  const rest = 'isError' in told ? '"isError":true' : `"structuredContent":${jsonOf(told)}`;
  return { members: `${content},${rest}`, complete: true };
}

/** `complete` is false for a result that asks the client for more (2026-07-28). */
type ToldInJson = { readonly members: string; readonly complete: boolean };

function jsonOf({ structuredContent, text, textIsJson }: Written): string {
  return textIsJson ? text : JSON.stringify(structuredContent);
}

/** Never throws: whatever a handler throws would be shown as it is, and only a KeywardError's words are fit to be shown. */
async function tell(call: ToolCall, tool: Tool, args: unknown): Promise<Told | InputRequiredResult> {
  try {
    const answer = await runApproved(call, tool, args);
    return isInputRequiredResult(answer) ? answer : tool.write(answer);
  } catch (error) {
    if (!(error instanceof KeywardError)) logUnexpected(call.broker.log, tool.name, error);
    return { text: JSON.stringify({ error: toPublic(error) }), isError: true };
  }
}

/** Runs the tool, and once more when the owner was asked meanwhile and has answered. */
async function runApproved(call: ToolCall, tool: Tool, args: unknown): ReturnType<Tool['run']> {
  try {
    return await tool.run(call, args);
  } catch (error) {
    const request = approvalOf(error);
    if (request === undefined) throw error;
    const asked = await askOwner(call, request);
    if (asked === 'open') throw error;
    return asked === 'answered' ? tool.run(call, args) : asked;
  }
}

/** Name and stack frames of an error. Its message stays out: a library's message may quote what it choked on. */
function logUnexpected(log: Log, tool: string, error: unknown): void {
  const name = error instanceof Error ? error.name : typeof error;
  const frames = error instanceof Error ? (error.stack?.match(/^ {4}at .*$/gm) ?? []) : [];
  log.error('mcp.tool_failed', { tool, name, at: frames.join(' ').slice(0, 2_000) });
}
