/** One line of the audit log, and where it stands: places only grow, and mean something to their store alone. */
export type AuditLine = { readonly line: string; readonly at: number; readonly next: number };
