import { describe, expect, it } from "vitest";
import { FsError } from "../../../src/errors.ts";
import { type DirectoryHandle, Handles } from "../../../src/sftp/handles.ts";
import { Reader } from "../../../src/sftp/wire/reader.ts";
import type { OpenDirectory } from "../../../src/vfs/types.ts";
import { str } from "../../support/sftp-client-packets.ts";

function directory(closed: string[], name: string, error?: FsError): DirectoryHandle {
  const close = async () => {
    closed.push(name);
    if (error !== undefined) throw error;
  };
  return { kind: "directory", directory: { close } as OpenDirectory };
}

const numberOf = (name: Buffer) => new Reader(str(name)).handle();

describe("Handles", () => {
  it("never gives a name out twice", async () => {
    const handles = new Handles(4);
    const seen = new Set<string>();
    for (let index = 0; index < 1000; index++) {
      const name = handles.add(directory([], ""));
      seen.add(name.toString("hex"));
      await handles.close(numberOf(name));
    }
    expect(seen.size).toBe(1000);
    expect(handles.size).toBe(0);
  });

  it("refuses more than it may have", () => {
    const handles = new Handles(2);
    handles.add(directory([], "a"));
    handles.reserve();
    handles.add(directory([], "b"));
    expect(() => handles.reserve()).toThrow(new FsError("EMFILE"));
  });

  it("tells files and directories apart, and knows no closed ones", async () => {
    const handles = new Handles(2);
    const number = numberOf(handles.add(directory([], "d")));
    expect(handles.directory(number).kind).toBe("directory");
    expect(() => handles.file(number)).toThrow(FsError);
    await handles.close(number);
    expect(() => handles.directory(number)).toThrow(FsError);
    await expect(handles.close(number)).rejects.toThrow(FsError);
  });

  it("closes all, also behind one that fails", async () => {
    const handles = new Handles(3);
    const closed: string[] = [];
    const failure = new FsError("EIO");
    handles.add(directory(closed, "a"));
    handles.add(directory(closed, "b", failure));
    handles.add(directory(closed, "c"));
    const errors: unknown[] = [];
    await handles.closeAll((thrown) => errors.push(thrown));
    expect(closed).toEqual(["a", "b", "c"]);
    expect(errors).toEqual([failure]);
    expect(handles.size).toBe(0);
  });

  it("lets others in between while it closes many", async () => {
    const handles = new Handles(1000);
    for (let index = 0; index < 320; index++) handles.add(directory([], "d"));
    let closed = false;
    let others = 0;
    const count = (): void => {
      others += 1;
      if (!closed) setImmediate(count);
    };
    setImmediate(count);
    await handles.closeAll(() => {});
    closed = true;
    expect(others).toBeGreaterThanOrEqual(15);
  });
});
