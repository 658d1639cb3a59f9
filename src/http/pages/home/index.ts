/** The pages where a person who signed in sees and governs what is theirs. */
import { Hono } from 'hono';
import { activityRoutes } from './activity.ts';
import { assistantsRoutes } from './assistants.ts';
import { clientsRoutes } from './clients.ts';
import { connectingRoutes } from './connect.ts';
import { connectionRoutes } from './connection.ts';
import { connectionsRoutes } from './connections.ts';
import { createDesk, type DeskOptions } from './desk.ts';
import { offerRoutes } from './offers.ts';

type HomeOptions = DeskOptions & {
  /** Where MCP clients connect; null: nowhere, as at the owner's own computer. */
  readonly mcpUrl: string | null;
};

/** All pages of this folder. */
export function homeRoutes({ mcpUrl, ...options }: HomeOptions): Hono {
  const desk = createDesk(options);
  const routes = new Hono();
  routes.route('/', connectionsRoutes(desk, mcpUrl));
  routes.route('/', connectionRoutes(desk, mcpUrl));
  routes.route('/', offerRoutes(options));
  routes.route('/', connectingRoutes(desk));
  routes.route('/', assistantsRoutes(desk, mcpUrl !== null));
  routes.route('/', activityRoutes(desk));
  routes.route('/', clientsRoutes(desk));
  return routes;
}
