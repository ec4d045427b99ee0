import { join } from "node:path";
import { Desk } from "./desk.ts";
import { startTestServer, type TestServer, type TestUser } from "./server.ts";

/** A desk, and the server it talks to. */
export interface ServedDesk {
  readonly desk: Desk;
  readonly server: TestServer;
  /** the host's path of something in ann's home */
  readonly stored: (...names: string[]) => string;
  close(): Promise<void>;
}

/** By default the desk's key lets in ann, who has no quota. */
export async function serveDesk(...users: Omit<TestUser, "keys">[]): Promise<ServedDesk> {
  const desk = new Desk();
  const all = users.length > 0 ? users : [{ name: "ann" }];
  const keys = [desk.key.public];
  const server = await startTestServer({ users: all.map((user) => ({ ...user, keys })) });
  desk.target = server;
  return {
    desk,
    server,
    stored: (...names) => join(server.home("ann"), ...names),
    close: async () => {
      await server.stop();
      desk.clear();
    },
  };
}
