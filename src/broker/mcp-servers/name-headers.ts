/** What the headers of a request say of its body: `Mcp-Method` and `Mcp-Name` (MCP 2026-07-28, Streamable HTTP). */
import { KeywardError } from '../../errors.ts';
import { type Message, nameOf, type Posted } from './messages.ts';

/**
 * Refuses headers that name another method, or another tool, than the body: a server, or what stands before it, could go
 * by them. What is missing is the server's to refuse.
 *
 * @param headers by name in lower case
 * @throws KeywardError `invalid_input`
 */
export function checkNameHeaders({ messages }: Posted, headers: ReadonlyMap<string, string>): void {
  const [method, name] = [headers.get('mcp-method'), headers.get('mcp-name')];
  if (method === undefined && name === undefined) return;
  const [only] = messages;
  if (only === undefined || messages.length > 1) throw mismatch('Mcp-Method');
  if (method !== undefined && method.trim() !== only.method) throw mismatch('Mcp-Method');
  if (name !== undefined && !says(name.trim(), only)) throw mismatch('Mcp-Name');
}

/** A name that no header can carry stands there in Base64 (`=?base64?…?=`). */
function says(header: string, message: Message): boolean {
  const [, encoded] = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/i.exec(header) ?? [];
  return nameOf(message) === (encoded === undefined ? header : Buffer.from(encoded, 'base64').toString('utf8'));
}

function mismatch(header: string): KeywardError {
  return new KeywardError('invalid_input', `The header ${header} says something else than the body.`, {
    hint: 'Leave it out, or let it repeat what the body names.',
  });
}
