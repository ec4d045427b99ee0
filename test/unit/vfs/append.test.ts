import { afterEach, beforeEach, expect, test } from "vitest";
import { fromText } from "../../../src/vfs/path.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { PUT, READ, TestInstance } from "../../support/instance.ts";

let instance: TestInstance;
let home: UserFileSystem;

beforeEach(async () => {
  instance = await TestInstance.create();
  home = await instance.home(await instance.addUser("ann", null));
});

afterEach(() => instance.close());

async function content(name: string): Promise<string> {
  const file = await home.open(fromText(name), READ);
  const data = Buffer.alloc((await file.stat()).size);
  await file.read(data, 0, data.length, 0);
  await file.close();
  return data.toString("latin1");
}

test("attack: an append that waits when its file is closed is written to no other file", async () => {
  const log = fromText("log");
  const appending = { ...PUT, append: true, truncate: false };
  const first = await home.open(log, appending);
  const second = await home.open(log, appending);
  // So much that a thread writes it, and the next append waits.
  const large = Buffer.alloc(4 * 1024 * 1024, "x");
  const ahead = Array.from({ length: 4 }, () => first.write([large], large.length, 0));
  const last = second.write([Buffer.from("last\n")], 5, 0);
  const closed = second.close();
  // It would get the descriptor of the one that is closed.
  const other = await home.open(fromText("other"), PUT);
  await other.write([Buffer.from("own\n")], 4, 0);
  await Promise.all([...ahead, last, closed]);
  await Promise.all([first.close(), other.close()]);
  expect(await content("other")).toBe("own\n");
  expect((await content("log")).slice(-6)).toBe("xlast\n");
});
