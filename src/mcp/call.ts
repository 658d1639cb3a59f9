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
import type { Tool, ToolCall } from './tools/tool.ts';

/**
 * Runs a tool. Never throws but for an unknown name: whatever a handler throws is shown by the SDK as it is, and only a
 * KeywardError's words are fit to be shown.
 */
export async function callTool(
  call: ToolCall,
  name: string,
  args: unknown,
): Promise<CallToolResult | InputRequiredResult> {
  const tool = tools.get(name);
  if (!tool) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${oneLine(name, 64) ?? ''}`);
  try {
    const answer = await runApproved(call, tool, args);
    if (isInputRequiredResult(answer)) return answer;
    const { structuredContent, text } = tool.write(answer);
    return { content: [{ type: 'text', text }], structuredContent };
  } catch (error) {
    if (!(error instanceof KeywardError)) logUnexpected(call.broker.log, name, error);
    return { content: [{ type: 'text', text: JSON.stringify({ error: toPublic(error) }) }], isError: true };
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
