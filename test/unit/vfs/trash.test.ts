import { statSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ByteString, fromText } from "../../../src/vfs/path.ts";
import type { TrashedFile, UserFileSystem } from "../../../src/vfs/types.ts";
import { APPEND, PUT, READ, RESUME, WRITE } from "../../support/instance.ts";
import { KeepingDesk } from "../../support/keeping.ts";

const path = fromText;

describe.each([{ holds: false }, { holds: true }])(
  "with books held in memory: $holds",
  (holding) => {
    let desk: KeepingDesk;
    let home: UserFileSystem;

    beforeEach(async () => {
      desk = await KeepingDesk.create(holding);
      home = await desk.home("ann", { quotaBytes: 10_000 });
    });

    afterEach(() => desk.close());

    test("what is removed is kept with its content, counts, and comes back", async () => {
      await desk.write(home, "/a.txt", "first");
      await home.remove(path("/a.txt"));
      expect(await desk.trash(home)).toEqual(["/a.txt 5"]);
      await desk.expectExact({ bytes: 5, files: 1 });
      await desk.restoreAll(home);
      expect(desk.read("/a.txt")).toBe("first");
      expect(await desk.trash(home)).toEqual([]);
      await desk.expectExact({ bytes: 5, files: 1 });
      expect(desk.inTrash()).toEqual([]);
    });

    test("files of a directory come back though it is gone", async () => {
      await home.makeDirectory(path("/d"));
      await home.makeDirectory(path("/d/e"));
      await desk.write(home, "/d/e/a", "one");
      await desk.write(home, "/d/b", "two");
      for (const file of ["/d/e/a", "/d/b"]) await home.remove(path(file));
      await home.removeDirectory(path("/d/e"));
      await home.removeDirectory(path("/d"));
      await desk.restoreAll(home);
      expect([desk.read("/d/e/a"), desk.read("/d/b")]).toEqual(["one", "two"]);
      await desk.expectExact({ bytes: 6, files: 4 });
    });

    test("what a rename replaces is kept, and at no moment is nothing there", async () => {
      await desk.write(home, "/a", "old");
      await desk.write(home, "/b", "newer");
      await home.rename(path("/b"), path("/a"), true);
      expect(desk.read("/a")).toBe("newer");
      expect(await desk.trash(home)).toEqual(["/a 3"]);
      await desk.expectExact({ bytes: 8, files: 2 });
    });

    test("what an upload over it would empty is kept; mode and name stay", async () => {
      await desk.write(home, "/a", "old");
      await home.setStat(path("/a"), { permissions: 0o640 }, true);
      await desk.write(home, "/a", "newer");
      expect(desk.read("/a")).toBe("newer");
      expect(statSync(desk.path("a")).mode & 0o777).toBe(0o640);
      expect(await desk.trash(home)).toEqual(["/a 3"]);
      await desk.expectExact({ bytes: 8, files: 2 });
      const [file] = await desk.all(home);
      await expect(home.trash?.restore(file?.id ?? "")).rejects.toMatchObject({ code: "EEXIST" });
      await home.trash?.restore(file?.id ?? "", { replace: true });
      expect(desk.read("/a")).toBe("old");
      expect(await desk.trash(home)).toEqual(["/a 5"]);
      await desk.expectExact({ bytes: 8, files: 2 });
    });

    test("a file that somebody has open is emptied in place, as without a trash", async () => {
      await desk.write(home, "/a", "old");
      const reader = await home.open(path("/a"), READ);
      await desk.write(home, "/a", "newer");
      expect(await desk.trash(home)).toEqual([]);
      expect((await reader.stat()).size).toBe(5);
      await reader.close();
      await desk.expectExact({ bytes: 5, files: 1 });
    });

    test("what is still written to when it is removed goes on being charged", async () => {
      const writer = await home.open(path("/a"), PUT);
      await writer.write([Buffer.alloc(100)], 100, 0);
      await home.remove(path("/a"));
      await writer.write([Buffer.alloc(100)], 100, 100);
      await writer.close();
      expect(await desk.trash(home)).toEqual(["/a 200"]);
      await desk.expectExact({ bytes: 200, files: 1 });
    });

    test("what has another name, is empty or temporary, and links are not kept", async () => {
      await desk.write(home, "/a", "x");
      await home.hardLink(path("/a"), path("/b"));
      await home.remove(path("/a"));
      await desk.write(home, "/empty", "");
      await home.remove(path("/empty"));
      for (const name of ["/x.filepart", "/y.partial", "/z~", "/.v.swp"]) {
        await desk.write(home, name, "x");
        await home.remove(path(name));
      }
      await home.symlink(path("b"), path("/l"));
      await home.remove(path("/l"));
      expect(await desk.trash(home)).toEqual([]);
      await desk.expectExact({ bytes: 1, files: 1 });
    });

    test("the oldest goes when room is needed, exactly as much as is needed", async () => {
      for (const name of ["/1", "/2", "/3", "/4"]) {
        await desk.write(home, name, "x".repeat(2_500));
        await home.remove(path(name));
      }
      await desk.expectExact({ bytes: 10_000, files: 4 });
      await desk.write(home, "/new", "y");
      expect(await desk.trash(home)).toEqual(["/2 2500", "/3 2500", "/4 2500"]);
      await desk.write(home, "/newer", "y".repeat(2_499));
      expect(await desk.trash(home)).toEqual(["/2 2500", "/3 2500", "/4 2500"]);
      await desk.write(home, "/newest", "y");
      expect(await desk.trash(home)).toEqual(["/3 2500", "/4 2500"]);
      await desk.expectExact({ bytes: 7_501, files: 5 });
    });

    test("nothing goes for what would not fit all the same", async () => {
      await desk.write(home, "/a", "x".repeat(4_000));
      await home.remove(path("/a"));
      await desk.write(home, "/b", "x".repeat(4_000));
      const file = await home.open(path("/b"), WRITE);
      await expect(file.setStat({ size: 10_001 })).rejects.toMatchObject({ code: "EDQUOT" });
      expect(await desk.trash(home)).toEqual(["/a 4000"]);
      await file.setStat({ size: 10_000 });
      expect(await desk.trash(home)).toEqual([]);
      await file.close();
      await desk.expectExact({ bytes: 10_000, files: 1 });
    });

    test("what is open frees nothing, so it stays and the next one goes", async () => {
      await desk.write(home, "/a", "x".repeat(5_000));
      const reader = await home.open(path("/a"), READ);
      await home.remove(path("/a"));
      await desk.write(home, "/b", "x".repeat(5_000));
      await home.remove(path("/b"));
      await desk.write(home, "/c", "x".repeat(1_000));
      expect(await desk.trash(home)).toEqual(["/a 5000"]);
      await reader.close();
      await desk.expectExact({ bytes: 6_000, files: 2 });
    });

    test("names have a limit, too", async () => {
      const bob = await desk.home("bob", { quotaFiles: 2 });
      for (const name of ["/1", "/2"]) await desk.write(bob, name, "x");
      for (const name of ["/1", "/2"]) await bob.remove(path(name));
      await bob.makeDirectory(path("/d"));
      expect(await desk.trash(bob)).toEqual(["/2 1"]);
      await desk.write(bob, "/d/a", "y");
      expect(await desk.trash(bob)).toEqual([]);
      await expect(bob.makeDirectory(path("/e"))).rejects.toMatchObject({ code: "EDQUOT" });
      await desk.write(bob, "/d/a", "over");
      expect(desk.read("/d/a", "bob")).toBe("over");
      await desk.expectExact({ bytes: 4, files: 2 }, "bob");
    });

    test("turned off, what is there can still be had, and still gives way", async () => {
      await desk.write(home, "/a", "x".repeat(6_000));
      await home.remove(path("/a"));
      desk.keep = 0;
      await desk.write(home, "/b", "y");
      await home.remove(path("/b"));
      expect(await desk.trash(home)).toEqual(["/a 6000"]);
      await desk.write(home, "/c", "z".repeat(4_001));
      expect(await desk.trash(home)).toEqual([]);
      await desk.expectExact({ bytes: 4_001, files: 1 });
    });

    test("emptied, it is gone for good", async () => {
      for (const name of ["/1", "/2"]) await desk.write(home, name, "x");
      for (const name of ["/1", "/2"]) await home.remove(path(name));
      const [first] = await desk.all(home);
      await home.trash?.remove(first?.id ?? "");
      expect(await desk.trash(home)).toEqual(["/2 1"]);
      await expect(home.trash?.remove(first?.id ?? "")).rejects.toMatchObject({ code: "ENOENT" });
      await desk.expectExact({ bytes: 1, files: 1 });
    });

    test("appending and going on change a file in place", async () => {
      await desk.write(home, "/a", "x");
      for (const flags of [APPEND, RESUME]) {
        const file = await home.open(path("/a"), flags);
        await file.write([Buffer.from("y")], 1, 1);
        await file.close();
      }
      expect(await desk.trash(home)).toEqual([]);
    });

    test("a file is kept by its resolved path, by way of a link, too", async () => {
      await home.makeDirectory(path("/d"));
      await home.symlink(path("d"), path("/l"));
      await desk.write(home, "/d/a", "old");
      await desk.write(home, "/l/../l/a", "new");
      await home.remove(path("/l/a"));
      expect(await desk.trash(home)).toEqual(["/d/a 3", "/d/a 3"]);
    });

    test("another place, a file in the way, a directory in the way", async () => {
      await desk.write(home, "/d/x", "1").catch(() => home.makeDirectory(path("/d")));
      await desk.write(home, "/d/x", "kept");
      await home.remove(path("/d/x"));
      await home.makeDirectory(path("/d/x"));
      const [file] = (await desk.all(home)) as [TrashedFile];
      const restore = (options?: { to?: ByteString; replace?: boolean }) =>
        home.trash?.restore(file.id, options);
      await expect(restore()).rejects.toMatchObject({ code: "EEXIST" });
      await expect(restore({ replace: true })).rejects.toMatchObject({ code: "EISDIR" });
      await expect(restore({ to: path("/none/y") })).rejects.toMatchObject({ code: "ENOENT" });
      expect(await restore({ to: path("/y") })).toBe("/y");
      expect(desk.read("/y")).toBe("kept");
      await home.removeDirectory(path("/d/x"));
      await desk.write(home, "/d/z", "kept");
      await home.remove(path("/d/z"));
      await home.removeDirectory(path("/d"));
      await desk.write(home, "/d", "a file now");
      await expect(desk.restoreAll(home)).rejects.toMatchObject({ code: "ENOTDIR" });
    });
  },
);
