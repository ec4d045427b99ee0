import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ClientConnection } from "../../src/client/remote/remote.ts";
import type { Direction } from "../../src/client/types.ts";
import { type Peer, startOpenSsh } from "../bench/peers.ts";
import { tree } from "../support/desk.ts";
import {
  type ClientHome,
  connectClient,
  makeClientHome,
  only,
  transfer,
} from "../support/engine.ts";
import { type LineProxy, startProxy } from "../support/proxy.ts";

const MIB = 1024 * 1024;
const data = randomBytes(10 * MIB + 4_321);

let home: ClientHome;
let peer: Peer;
let proxy: LineProxy;
let connection: ClientConnection;

beforeAll(async () => {
  home = await makeClientHome();
  const key = home.path("openssh-key");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const nothing = { inMemory: false, payload: "", bytes: 0, small: "", down: "", remove() {} };
  peer = await startOpenSsh({ ...nothing, root: home.directory, key });
  proxy = await startProxy({ target: () => peer.port });
  const login = {
    ...home,
    login: () => ({ ...home.login(proxy.port, peer.user), identities: [key] }),
  };
  connection = await connectClient(login, proxy.port, peer.user);
}, 60_000);

afterAll(async () => {
  await connection?.close();
  await proxy?.close();
  await peer?.stop();
  await home?.remove();
});

function sides(direction: Direction, name: string) {
  const up = direction === "up";
  const [near, far] = [home.path(name), join(peer.home, name)];
  return {
    source: up ? near : far,
    target: up ? far : near,
    job: { direction, sources: [up ? near : name], target: up ? name : near },
  };
}

describe.each<Direction>(["up", "down"])(
  "with OpenSSH's server a file on its way %s",
  (direction) => {
    it("arrives whole, verified by the server's own commands", async () => {
      const { source, target, job } = sides(direction, `it's $(odd) ${direction}`);
      writeFileSync(source, data);
      const { events } = await transfer(home, connection, { ...job, preserve: true });
      expect(only(events, "failed")).toEqual([]);
      expect(readFileSync(target).equals(data)).toBe(true);
      expect(only(events, "done")[0]?.hash?.name).toBe("sha256");
      expect(Math.floor(statSync(target).mtimeMs / 1000)).toBe(
        Math.floor(statSync(source).mtimeMs / 1000),
      );
    });

    it("goes on by itself when the line is cut", async () => {
      const { source, target, job } = sides(direction, `cut-${direction}`);
      writeFileSync(source, data);
      proxy.cutAfter(6 * MIB);
      const { events } = await transfer(home, connection, job);
      expect(only(events, "failed")).toEqual([]);
      expect(readFileSync(target).equals(data)).toBe(true);
      expect(only(events, "start").at(-1)?.offset).toBeGreaterThan(0);
    });

    it("starts over when the first part was tampered with", async () => {
      const { source, target, job } = sides(direction, `tampered-${direction}`);
      writeFileSync(source, data);
      const retry = connection.retry;
      connection.retry = { tries: 0, firstMs: 1, longestMs: 1 };
      proxy.cutAfter(6 * MIB);
      await transfer(home, connection, job).catch(() => {});
      connection.retry = retry;
      const part = readFileSync(`${target}.part`);
      part[7] = (part[7] as number) ^ 1;
      writeFileSync(`${target}.part`, part);
      const { events } = await transfer(home, connection, { ...job, resume: true });
      expect(only(events, "start")[0]?.restarted).toMatch(/differs/);
      expect(readFileSync(target).equals(data)).toBe(true);
    });

    it("is not taken for another of the same end where there are no checksums", async () => {
      const { source, target, job } = sides(direction, `ends-${direction}`);
      writeFileSync(source, data);
      utimesSync(source, 1_600_000_000, 1_600_000_000);
      const other = Buffer.from(data);
      other[7] = (other[7] as number) ^ 1;
      connection.hashes = () => Promise.resolve([]);
      try {
        for (const length of [data.length, 4 * MIB]) {
          writeFileSync(target, other.subarray(0, length));
          await transfer(home, connection, { ...job, resume: true });
          expect(readFileSync(target).equals(data)).toBe(true);
        }
        const same = await transfer(home, connection, { ...job, preserve: true, resume: false });
        expect(same.summary.files).toBe(1);
        const again = await transfer(home, connection, { ...job, resume: true });
        expect(again.summary.skipped).toBe(1);
      } finally {
        // The class's own is seen again.
        Reflect.deleteProperty(connection, "hashes");
      }
    });

    it("leaves alone somebody's own NAME.part", async () => {
      const { source, target, job } = sides(direction, `own-${direction}`);
      writeFileSync(source, data);
      writeFileSync(`${target}.part`, "mine");
      const { summary } = await transfer(home, connection, job);
      expect(summary).toMatchObject({ files: 1, failed: 0 });
      expect(readFileSync(target).equals(data)).toBe(true);
      expect(readFileSync(`${target}.part`, "utf8")).toBe("mine");
    });

    it("that is told to have no bytes arrives with those it has", async () => {
      const { target, job } = sides(direction, `unsized-${direction}`);
      for (const odd of ["/proc/version", "/proc/filesystems"]) {
        expect(statSync(odd).size).toBe(0);
        const { summary, events } = await transfer(home, connection, { ...job, sources: [odd] });
        expect(only(events, "failed")).toEqual([]);
        const bytes = readFileSync(odd);
        expect(bytes.length).toBeGreaterThan(0);
        expect(readFileSync(target).equals(bytes)).toBe(true);
        expect(summary).toMatchObject({ files: 1, bytes: bytes.length });
        expect(only(events, "done")[0]?.bytes).toBe(bytes.length);
        // What an earlier version left empty is no reason to leave it out.
        chmodSync(target, 0o644);
        writeFileSync(target, "");
        const again = await transfer(home, connection, { ...job, sources: [odd], resume: true });
        expect(again.summary).toMatchObject({ files: 1, skipped: 0 });
        expect(readFileSync(target).equals(bytes)).toBe(true);
      }
    });

    it("that is empty stays so, and is left out when it is there", async () => {
      const { source, target, job } = sides(direction, `empty-${direction}`);
      writeFileSync(source, "");
      expect((await transfer(home, connection, job)).summary.files).toBe(1);
      expect(statSync(target).size).toBe(0);
      expect((await transfer(home, connection, job)).summary.skipped).toBe(1);
    });

    it("in a tree arrives with the others", async () => {
      const { source, target, job } = sides(direction, `tree-${direction}`);
      mkdirSync(join(source, "a/b"), { recursive: true });
      for (let i = 0; i < 30; i++) writeFileSync(join(source, "a/b", `f${i}`), randomBytes(i * 99));
      const { summary } = await transfer(home, connection, {
        ...job,
        sources: job.sources.map((path) => `${path}/`),
        recursive: true,
        parallel: 4,
      });
      expect(summary).toMatchObject({ files: 30, failed: 0 });
      expect(tree(target)).toEqual(tree(source));
    });
  },
);

describe("with OpenSSH's server", () => {
  it("a file that can't be written is told with its name", async () => {
    writeFileSync(home.path("f"), "x");
    writeFileSync(join(peer.home, "plain"), "x");
    const job = { direction: "up", sources: [home.path("f")], target: "plain/f" } as const;
    const { events } = await transfer(home, connection, job);
    expect(only(events, "failed")[0]?.message).toMatch(/plain.*: /);
  });

  it("names are listed, hashes given and the space told", async () => {
    const directory = join(peer.home, "listed");
    mkdirSync(directory);
    for (let i = 0; i < 300; i++) writeFileSync(join(directory, `n${i}`), "");
    const names: string[] = [];
    for await (const batch of connection.list(directory))
      names.push(...batch.map(({ name }) => name));
    expect(names.filter((name) => !name.startsWith(".")).sort()).toEqual(
      readdirSync(directory).sort(),
    );
    expect(await connection.hashes()).toEqual(["sha256", "md5"]);
    expect(await connection.hash(join(directory, "n1"), "md5")).toBe(
      "d41d8cd98f00b204e9800998ecf8427e",
    );
    expect((await connection.space("."))?.freeBytes).toBeGreaterThan(0);
  });
});
