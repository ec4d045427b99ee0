import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ClientHome } from "../support/engine.ts";
import { connectClient, makeClientHome, only, type Ran, transfer } from "../support/engine.ts";
import {
  DIRECTORY,
  FILE,
  type HostileServer,
  startHostileServer,
} from "../support/hostile-server.ts";

/** Above it, and outside of the last MiB of what is written, a WRITE fails. */
const REFUSED_FROM = 2_000_000;
const bytes = randomBytes(6_000_000);

let files: Map<string, Buffer>;
let failures: number;
let refuse: () => void;
let server: HostileServer;
let home: ClientHome;

/** A server without checksums that refuses one WRITE and takes those behind it. */
beforeEach(async () => {
  files = new Map();
  failures = 1;
  refuse = () => {};
  server = await startHostileServer({
    list: () => [],
    attrs(path) {
      const size = files.get(path)?.length;
      if (path === "/") return { mode: DIRECTORY };
      return size === undefined ? undefined : { mode: FILE, size };
    },
    read(path, at, length) {
      const file = files.get(path) ?? Buffer.alloc(0);
      return at >= file.length ? undefined : file.subarray(at, at + length);
    },
    written(path, at, data) {
      if (at > REFUSED_FROM && failures > 0) {
        failures -= 1;
        return new Promise((resolve) => {
          refuse = () => resolve(false);
        });
      }
      // The answer comes when much of what is behind was written: of the 2 MiB that may be on their way.
      if (at > REFUSED_FROM + 1_500_000) refuse();
      const before = files.get(path) ?? Buffer.alloc(0);
      const file = Buffer.alloc(Math.max(before.length, at + data.length));
      before.copy(file);
      data.copy(file, at);
      files.set(path, file);
      return true;
    },
    renamed(from, to) {
      files.set(to, files.get(from) as Buffer);
      files.delete(from);
    },
  });
  home = await makeClientHome();
  writeFileSync(home.path("big"), bytes);
});

afterEach(async () => {
  await home.remove();
  await server.close();
});

async function put(): Promise<Ran> {
  const connection = await connectClient(home, server.port);
  const job = { direction: "up", sources: [home.path("big")], target: "/big" } as const;
  try {
    return await transfer(home, connection, job);
  } finally {
    await connection.close();
  }
}

it("an upload goes on before the hole that a refused WRITE left, not behind it", async () => {
  const first = await put();
  expect(only(first.events, "failed")).toMatchObject([
    { message: "/big: the server refuses it", resumable: true },
  ]);
  const part = files.get("/big.part") as Buffer;
  expect(part.length).toBeGreaterThan(REFUSED_FROM + 1024 * 1024);
  expect(part.equals(bytes.subarray(0, part.length))).toBe(false);

  const second = await put();
  expect(second.summary).toMatchObject({ files: 1, failed: 0 });
  const [start] = only(second.events, "start");
  expect(start?.offset).toBeGreaterThan(0);
  expect(start?.offset).toBeLessThanOrEqual(REFUSED_FROM + 32 * 1024);
  expect(files.get("/big")?.equals(bytes)).toBe(true);
});
