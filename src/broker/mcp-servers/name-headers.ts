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

function says(header: string, message: Message): boolean {
  return nameOf(message) === textOfHeader(header);
}

/** What a header says: a text that no header can carry stands there in Base64 (`=?base64?…?=`). */
export function textOfHeader(header: string): string {
  const [, encoded] = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/i.exec(header) ?? [];
  if (encoded === undefined) return header;
  const bytes = Buffer.from(encoded, 'base64');
  const text = bytes.toString('utf8');
  // One that could be decoded to something else stays as it is.
  return bytes.toString('base64') === encoded && Buffer.from(text).equals(bytes) ? text : header;
}

function mismatch(header: string): KeywardError {
  return new KeywardError('invalid_input', `The header ${header} says something else than the body.`, {
    hint: 'Leave it out, or let it repeat what the body names.',
  });
}
