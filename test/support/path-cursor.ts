import { FsError } from "../../src/errors.ts";
import { type ByteString, join, type VirtualPath } from "../../src/vfs/path.ts";
import type { Cursor, UserFileSystem } from "../../src/vfs/types.ts";

/** Which arguments of a filesystem's methods are paths. */
const PATHS: Readonly<Record<string, readonly number[]>> = {
  open: [0],
  openDirectory: [0],
  stat: [0],
  lstat: [0],
  setStat: [0],
  remove: [0],
  makeDirectory: [0],
  removeDirectory: [0],
  readLink: [0],
  symlink: [1],
  realPath: [0],
  walkFrom: [0],
};

/** A cursor that keeps its place as a path, over a filesystem whose paths have no end. */
export class PathCursor implements Cursor {
  readonly fs: UserFileSystem;
  readonly #inner: UserFileSystem;
  readonly #way: VirtualPath[];

  constructor(inner: UserFileSystem, path: VirtualPath) {
    this.#inner = inner;
    this.#way = [path];
    this.fs = new Proxy(inner, {
      get: (target, name) => {
        const method = Reflect.get(target, name, target) as unknown;
        if (typeof method !== "function") return method;
        return (...args: unknown[]) => {
          for (const at of PATHS[String(name)] ?? []) args[at] = this.#absolute(args[at]);
          return method.apply(target, args);
        };
      },
    });
  }

  async enter(name: ByteString, follow = false): Promise<void> {
    const path = this.where(name);
    const { mode } = await (follow ? this.#inner.stat(path) : this.#inner.lstat(path));
    if ((mode & 0o170000) !== 0o040000) throw new FsError("ENOTDIR");
    this.#way.push(path);
  }

  async leave(): Promise<void> {
    this.#way.pop();
  }

  where(name: ByteString): VirtualPath {
    const here = this.#way.at(-1) as VirtualPath;
    return name === "." ? here : join(here, name);
  }

  async close(): Promise<void> {}

  #absolute(path: unknown): VirtualPath {
    const text = path as ByteString;
    return text.startsWith("/") ? (text as VirtualPath) : this.where(text);
  }
}
