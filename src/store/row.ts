/** Columns that every row has. Times are whole milliseconds since 1970. */
export type Row = {
  /** Lower-case UUIDv4. */
  readonly id: string;
  readonly tenant: string;
  readonly owner: string;
  /** Grows by one with every change of the row; compared on update. */
  readonly version: number;
  /** Grows by one with every change of the secret; bound into the sealing key. */
  readonly secretVersion: number;
  /** The sealed secret, base64. */
  readonly sealed: string;
  readonly createdAt: number;
  readonly updatedAt: number;
};
