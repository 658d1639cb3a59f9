/** Every built-in definition. Written by scripts/connectors.ts from the files of catalogue/. */
import type { ConnectorFile } from './definition.ts';

export const builtin = [] as unknown as readonly ConnectorFile[];
