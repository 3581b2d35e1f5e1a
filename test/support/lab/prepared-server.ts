import { ApiServer, type ApiServerOptions } from "./api-server.ts";
import { NAMESPACES, namespace } from "./cluster-kinds.ts";

/** An API server with Herald's kinds, its namespace and `shop`, and a user by each name, with those rights and the token `<name>-token`. */
export async function preparedServer(
  rights: Readonly<Record<string, readonly unknown[]>>,
  options: ApiServerOptions = {},
): Promise<ApiServer> {
  const tokens = Object.fromEntries(Object.keys(rights).map((user) => [`${user}-token`, user]));
  const server = await ApiServer.start({ tokens, ...options });
  try {
    await server.installCrds();
    for (const [user, rules] of Object.entries(rights)) await server.grant(user, rules);
    for (const name of ["herald-system", "shop"]) await server.apply(NAMESPACES, namespace(name));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}
