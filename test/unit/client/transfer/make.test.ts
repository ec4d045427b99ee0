import { expect, it } from "vitest";
import { RemoteError } from "../../../../src/client/errors.ts";
import { makeAll, similar } from "../../../../src/client/transfer/make.ts";
import type { RemoteAttrs, RemoteEntry } from "../../../../src/client/types.ts";

const ATTRS: RemoteAttrs = { type: "directory", size: 0, mode: 0o755, mtime: 0, atime: 0 };

function holding(...names: string[]) {
  return {
    async *list(): AsyncGenerator<readonly RemoteEntry[]> {
      yield names.map((name) => ({
        ...ATTRS,
        type: name.endsWith("/") ? "directory" : "file",
        name: name.replace("/", ""),
        longname: "",
      }));
    },
  };
}

it.each([
  ["/project", ["projects/", "music/"], "/projects"],
  ["/Projects", ["projects/"], "/projects"],
  ["/a/fotos", ["photos/", "foto/"], "/a/foto"],
  ["/project", ["projects"], undefined],
  ["/project", ["project/", "./", "../"], undefined],
  ["/2025", ["2024/"], undefined],
  ["/photos-2", ["photos/", "photos-1/"], undefined],
  ["/music", ["projects/"], undefined],
])("a directory %s is made beside %j: %j may have been meant", async (made, there, meant) => {
  expect(await similar(holding(...there), made)).toBe(meant);
});

it("nothing is said where the directory above can't be listed", async () => {
  const list = async function* (): AsyncGenerator<readonly RemoteEntry[]> {
    yield* [];
    throw new RemoteError("/", "permission denied", { status: 3 });
  };
  expect(await similar({ list }, "/project")).toBeUndefined();
});

it("makes what is missing from the top, and only the last one with its mode", async () => {
  const there = new Map<string, RemoteAttrs>([["/", ATTRS]]);
  const asked: [string, number | undefined][] = [];
  const connection = {
    exists: async (path: string) => there.get(path),
    mkdir: async (path: string, mode?: number) => {
      asked.push([path, mode]);
      there.set(path, ATTRS);
    },
  };
  expect(await makeAll(connection, "/a/b/c", 0o700)).toEqual(["/a", "/a/b", "/a/b/c"]);
  expect(asked).toEqual([
    ["/a", undefined],
    ["/a/b", undefined],
    ["/a/b/c", 0o700],
  ]);
  expect(await makeAll(connection, "/a/b/c")).toEqual([]);
  there.set("/file", { ...ATTRS, type: "file" });
  await expect(makeAll(connection, "/file/b")).rejects.toThrow("/file: is not a directory");
});

it("looks at so many names beside it, and not at a million files", async () => {
  let listed = 0;
  const list = async function* (): AsyncGenerator<readonly RemoteEntry[]> {
    yield [{ ...ATTRS, name: "projects", longname: "" }];
    for (; listed < 1_000_000; listed += 1000) {
      yield Array.from({ length: 1000 }, (_, at) => {
        return { ...ATTRS, type: "file", name: `${listed + at}`, longname: "" };
      });
    }
  };
  expect(await similar({ list }, "/project")).toBe("/projects");
  expect(listed).toBeLessThan(20_000);
});

it("goes on where somebody else makes the same directory at the same time", async () => {
  const there = new Map<string, RemoteAttrs>([["/", ATTRS]]);
  const refused = new RemoteError("/a", "it exists", { status: 4 });
  const connection = {
    exists: async (path: string) => there.get(path),
    mkdir: async (path: string) => {
      const first = path === "/a";
      there.set(path, ATTRS);
      if (first) throw refused;
    },
  };
  expect(await makeAll(connection, "/a/b")).toEqual(["/a/b"]);
  const denied = { ...connection, mkdir: () => Promise.reject(refused) };
  await expect(makeAll(denied, "/c")).rejects.toBe(refused);
});
