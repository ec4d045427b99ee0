import { fileURLToPath } from "node:url";
import type { Client, Op } from "../suite/client.ts";

/** Where the recordings lie. */
export const RECORDINGS = fileURLToPath(new URL(".", import.meta.url));

/** Set to 1 to write the recordings anew. */
export const RECORDING = process.env.MOORAGE_WRITE_SEQUENCES === "1";

/** One thing that each client is asked to do. */
export interface Action {
  readonly name: string;
  /** files that the home has before: their sizes in bytes */
  readonly scene: Readonly<Record<string, number>>;
  /** the size of the client's own file, in bytes */
  readonly local?: number;
  /** `here` is the client's own file. @returns nothing where it does not offer this */
  ops(client: Client, here: string): readonly Op[];
}

function offered(client: Client, ...ops: readonly Op[]): readonly Op[] {
  return ops.filter((op) => client.lacks[op.do] === undefined);
}

/** Sizes are a little above multiples of what clients send at once. */
export const ACTIONS: readonly Action[] = [
  {
    name: "list",
    scene: { "d/a": 10, "d/b": 2_000 },
    ops: (client) => offered(client, { do: "list", path: "/d" }),
  },
  {
    name: "upload",
    scene: {},
    local: 70_001,
    ops: (client, here) => offered(client, { do: "put", here, there: "/new" }),
  },
  {
    name: "upload over a longer file",
    scene: { old: 100_000 },
    local: 40_001,
    ops: (client, here) => offered(client, { do: "put", here, there: "/old" }),
  },
  {
    name: "resume an upload",
    scene: { old: 40_000 },
    local: 80_001,
    ops: (client, here) => offered(client, { do: "resumePut", here, there: "/old" }),
  },
  {
    name: "download",
    scene: { old: 70_001 },
    ops: (client, here) => offered(client, { do: "get", there: "/old", here }),
  },
  {
    name: "rename",
    scene: { old: 10 },
    ops: (client) => offered(client, { do: "rename", from: "/old", to: "/new" }),
  },
  {
    name: "rename over a file",
    scene: { old: 10, other: 20 },
    ops: (client) => offered(client, { do: "replace", from: "/old", to: "/other" }),
  },
  {
    name: "make and remove a directory",
    scene: {},
    ops: (client) => offered(client, { do: "mkdir", path: "/new" }, { do: "rmdir", path: "/new" }),
  },
  {
    name: "upload with time and mode",
    scene: {},
    local: 10,
    ops: (client, here) => offered(client, { do: "putKept", here, there: "/new" }),
  },
  {
    name: "change the mode",
    scene: { old: 10 },
    ops: (client) => offered(client, { do: "chmod", path: "/old", mode: 0o640 }),
  },
  {
    name: "remove",
    scene: { old: 10 },
    ops: (client) => offered(client, { do: "remove", path: "/old" }),
  },
];
