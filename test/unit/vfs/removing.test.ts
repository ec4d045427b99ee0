import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { FsError } from "../../../src/errors.ts";
import type { Account } from "../../../src/store/types.ts";
import { fromText } from "../../../src/vfs/path.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { onDisk, PUT, TestInstance } from "../../support/instance.ts";

// Somebody else changes what stands at a name while its removal waits for the books.

let instance: TestInstance;
let ann: Account;
let fs: UserFileSystem;
/** done when the books are about to ask what is removed */
let meanwhile: () => void;

beforeEach(async () => {
  instance = await TestInstance.create();
  ann = await instance.addUser("ann", null);
  const { ledger } = instance;
  const remove = ledger.remove.bind(ledger);
  vi.spyOn(ledger, "remove").mockImplementation(async (...args) => {
    meanwhile();
    return remove(...args);
  });
  fs = await instance.home(ann);
  await put("file", 100);
  meanwhile = () => {};
});

afterEach(() => instance.close());

async function put(name: string, bytes: number): Promise<void> {
  const file = await fs.open(fromText(name), PUT);
  await file.write([Buffer.alloc(bytes)], bytes, 0);
  await file.close();
}

const file = () => instance.path("ann", "file");

function refusal(act: Promise<unknown>): Promise<string> {
  return act.then(
    () => "done",
    (error: FsError) => error.code,
  );
}

test("the file that stands there then is removed, and its bytes are given back", async () => {
  await put("other", 7);
  meanwhile = () => {
    // As a rename would, without the books: both are charged still.
    rmSync(file());
    writeFileSync(file(), Buffer.alloc(100));
  };
  await fs.remove(fromText("file"));
  expect(existsSync(file())).toBe(false);
  const { usedBytes, usedFiles } = await instance.ledger.exactUsage(ann.id);
  expect({ bytes: usedBytes, files: usedFiles }).toEqual(onDisk(instance.path("ann")));
});

test("what is a directory by then is not removed as a file, nor a file as a directory", async () => {
  meanwhile = () => {
    rmSync(file());
    mkdirSync(file());
  };
  expect(await refusal(fs.remove(fromText("file")))).toBe("EISDIR");
  expect(existsSync(file())).toBe(true);
  meanwhile = () => {
    rmSync(file(), { recursive: true });
    writeFileSync(file(), "");
  };
  expect(await refusal(fs.removeDirectory(fromText("file")))).toBe("ENOTDIR");
  expect(existsSync(file())).toBe(true);
});

test("what is gone by then is not there", async () => {
  meanwhile = () => rmSync(file());
  expect(await refusal(fs.remove(fromText("file")))).toBe("ENOENT");
});
