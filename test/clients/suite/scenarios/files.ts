import { existsSync, lstatSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { expect } from "vitest";
import { type Bench, MIB } from "../bench.ts";
import type { Client } from "../client.ts";

export const files = {
  async rename(bench: Bench) {
    await bench.stock("old name", "content");
    const { ino } = statSync(bench.there("old name"));
    await mkdir(bench.there("d"));
    await bench.noticed();
    await bench.done([{ do: "rename", from: "/old name", to: "/d/new name" }]);
    expect([bench.names(), bench.names("d")]).toEqual([["d"], ["new name"]]);
    expect(statSync(bench.there("d/new name")).ino).toBe(ino);
  },

  async "rename over a file"(bench: Bench) {
    await bench.stock("new", "new content");
    await bench.stock("old", "old");
    await bench.done([{ do: "replace", from: "/new", to: "/old" }]);
    expect(bench.names()).toEqual(["old"]);
    expect(readFileSync(bench.there("old"), "utf8")).toBe("new content");
  },

  async remove(bench: Bench) {
    await bench.stock("f", "content");
    await bench.stock("kept", "content");
    await bench.done([{ do: "remove", path: "/f" }]);
    expect(bench.names()).toEqual(["kept"]);
  },

  async "make a directory"(bench: Bench) {
    await bench.done([{ do: "mkdir", path: "/a new one" }]);
    expect(bench.names()).toEqual(["a new one"]);
    expect(statSync(bench.there("a new one")).isDirectory()).toBe(true);
  },

  async "remove a directory"(bench: Bench) {
    await mkdir(bench.there("empty"));
    await bench.stock("full/f", "content");
    await bench.done([{ do: "rmdir", path: "/empty" }]);
    expect(bench.names()).toEqual(["full"]);
    const refused = await bench.run([{ do: "rmdir", path: "/full" }]);
    expect(refused.code, refused.text).not.toBe(0);
    expect(bench.names("full")).toEqual(["f"]);
  },

  async "symbolic link"(bench: Bench) {
    await bench.stock("f", "content");
    await bench.done([{ do: "symlink", from: "/f", to: "/link" }]);
    expect(lstatSync(bench.there("link")).isSymbolicLink()).toBe(true);
    expect(["f", bench.remote("/f")]).toContain(readlinkSync(bench.there("link")));
    if (bench.client.lacks.get !== undefined) return;
    // Links are relative to the home, absolute ones, too.
    await bench.done([{ do: "get", there: "/link", here: bench.here("back") }]);
    expect(readFileSync(bench.here("back"), "utf8")).toBe("content");
  },

  async "hard link"(bench: Bench) {
    await bench.stock("f", "content");
    await bench.done([{ do: "hardlink", from: "/f", to: "/second" }]);
    expect(statSync(bench.there("second")).ino).toBe(statSync(bench.there("f")).ino);
  },

  async "change the mode"(bench: Bench) {
    await bench.stock("f", "content");
    for (const mode of [0o600, 0o755]) {
      await bench.done([{ do: "chmod", path: "/f", mode }]);
      expect((statSync(bench.there("f")).mode & 0o7777).toString(8)).toBe(mode.toString(8));
    }
  },

  async "free space is the quota's"(bench: Bench) {
    await bench.host.setQuota(bench.user, 10 * MIB);
    await bench.stock("f", 3 * MIB);
    const outcome = await bench.done([{ do: "df", path: "/" }]);
    const space = (bench.client.space as NonNullable<Client["space"]>)(outcome);
    expect(space).toEqual({ total: 10 * MIB, used: 3 * MIB });
  },

  async "checksum by the server"(bench: Bench) {
    const here = await bench.make("f", 100_000);
    await bench.stock("f", readFileSync(here));
    await bench.done([{ do: "checksum", there: "/f", here }]);
    // One byte that differs, and the size doesn't.
    const other = readFileSync(here);
    other[50_000] = (other[50_000] as number) ^ 1;
    await bench.stock("f", other);
    const differs = await bench.run([{ do: "checksum", there: "/f", here }]);
    expect(differs.code, differs.text).not.toBe(0);
    expect(existsSync(here)).toBe(true);
  },
};
