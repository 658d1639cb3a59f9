/** What an MCP server is started or reached with, as variables: its environment, headers, arguments and address. */
import type { Server } from '../clients/servers.ts';

/** In which part of a server's entry a value stands, and what it is called there. */
export type ServerPart = { readonly part: 'env' | 'header' | 'argument' | 'address'; readonly name: string };

/** `name` is the one that says what it is: a header `X-Figma-Token` is a `Figma-Token`. */
type ServerVariable = { readonly name: string; readonly value: string; readonly in: ServerPart };

export function serverVariables({ env = {}, headers = {}, args = [], url }: Server): ServerVariable[] {
  return [
    ...Object.entries(env).map(([name, value]) => variable('env', name, value)),
    ...Object.entries(headers).map(([name, value]) => header('header', name, value)),
    ...args.flatMap((arg, index) => argument(arg, args[index - 1] ?? '')),
    ...(url !== undefined && URL.canParse(url)
      ? Array.from(new URL(url).searchParams, ([name, value]) => variable('address', name, value))
      : []),
  ];
}

/** Texts of a server that say what it is for: its name, the host that it is reached at, the package that it is. */
export function serverHints(name: string, { args = [], url }: Server): string[] {
  const packages = args.filter((arg) => !/^[-./~]|[\\=\s]|^[a-z]:/i.test(arg) && arg.length < 200);
  return [name, ...packages, ...(url !== undefined && URL.canParse(url) ? [new URL(url).hostname] : [])];
}

function variable(part: ServerPart['part'], name: string, value: string): ServerVariable {
  return { name, value, in: { part, name } };
}

function header(part: ServerPart['part'], name: string, value: string): ServerVariable {
  const secret = value.replace(/^(?:bearer|token|apikey|key)\s+/i, '').trim();
  return { name: name.replace(/^x-/i, ''), value: secret, in: { part, name } };
}

/** `--token=…`, the word after `--token`, `NAME=…` after docker's `-e`, and a whole header. */
function argument(arg: string, before: string): ServerVariable[] {
  const [, flag, inline] = /^--?([A-Za-z][\w-]{0,60})=(.*)$/s.exec(arg) ?? [];
  if (flag !== undefined && inline !== undefined) return [variable('argument', flag, inline)];
  const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]{0,100})=(.*)$/s.exec(arg) ?? [];
  if (name !== undefined && value !== undefined) return [variable('argument', name, value)];
  const [, called, said] = /^([A-Za-z][A-Za-z0-9-]{0,60}):\s*(.*)$/s.exec(arg) ?? [];
  if (called !== undefined && said !== undefined) return [header('argument', called, said)];
  const [, long] = /^--?([A-Za-z][\w-]{0,60})$/.exec(before) ?? [];
  return arg.startsWith('-') ? [] : [variable('argument', long ?? 'argument', arg)];
}
