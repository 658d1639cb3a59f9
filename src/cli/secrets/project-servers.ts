/**
 * Servers for single projects in the file of a client. Claude Code keeps those that `claude mcp add` adds without a scope
 * under `projects`, by the folder of the project (https://code.claude.com/docs/en/mcp, “Local scope”).
 */
import type { ClientConfig } from '../clients/config-file.ts';

/** A part of the file that reads as a whole file would: its servers are at the top. */
type Scope = {
  readonly project: string | null;
  readonly config: ClientConfig;
  readonly from: number;
  readonly to: number;
};

/** Most projects that are looked at. */
const maxProjects = 500;

/** The file itself, and the parts of its projects. */
export async function scopesOf(config: ClientConfig): Promise<Scope[]> {
  const { client, text } = config;
  const whole: Scope = { project: null, config, from: 0, to: text.length };
  if (client.id !== 'claude-code' || !text.includes('"projects"')) return [whole];
  const { findNodeAtLocation, parseTree } = await import('jsonc-parser');
  const root = parseTree(text);
  const projects = root === undefined ? undefined : findNodeAtLocation(root, ['projects']);
  if (projects?.type !== 'object') return [whole];
  const parts = (projects.children ?? []).slice(0, maxProjects).flatMap(({ children = [] }) => {
    const [name, value] = children;
    if (name === undefined || value?.type !== 'object') return [];
    const [from, to] = [value.offset, value.offset + value.length];
    return [{ project: String(name.value), config: { ...config, text: text.slice(from, to) }, from, to }];
  });
  return [whole, ...parts];
}
