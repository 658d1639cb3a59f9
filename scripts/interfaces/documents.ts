/** The documents that Keyward is held against: four of other systems, as they publish them, and its own. */
import { readInterface } from '../../test/support/interfaces/documents.ts';
import type { Tools } from '../fetch-tool.ts';
import { type Between, type Document, startPrism } from './prism.ts';

const published = {
  create: 'alloy-create-credential',
  list: 'alloy-get-connector-credentials',
  metadata: 'alloy-get-credentials-metadata',
  secret: 'pathstack-connection-credentials',
} as const;

/** One Prism for each document. `own` is for what only Keyward's document has. */
export type Proxies = Readonly<Record<keyof typeof published | 'own', Between>>;

export async function startProxies(
  tools: Tools,
  { folder, upstream, own }: { folder: string; upstream: string; own: Document },
): Promise<Proxies> {
  const start = async (name: string, document: Document) => startPrism(tools, { folder, name, document, upstream });
  const of = async (name: string) => start(name, (await readInterface(name)) as unknown as Document);
  const [create, list, metadata, secret, whole] = await Promise.all([
    of(published.create),
    of(published.list),
    of(published.metadata),
    of(published.secret),
    start('keyward', own),
  ]);
  return { create, list, metadata, secret, own: whole };
}
