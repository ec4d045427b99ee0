import { afterEach, beforeEach, expect, test } from "vitest";
import type { Account } from "../../../src/store/types.ts";
import { fromText } from "../../../src/vfs/path.ts";
import { onDisk, TestInstance } from "../../support/instance.ts";

let instance: TestInstance;
let ann: Account;

beforeEach(async () => {
  instance = await TestInstance.create({ holds: true, quietMs: 0 });
  ann = await instance.addUser("ann", 1_000_000);
});

afterEach(() => instance.close());

async function expectExact(): Promise<void> {
  const { usedBytes, usedFiles } = await instance.store.ledger.usage(ann.id);
  expect({ bytes: usedBytes, files: usedFiles }).toEqual(onDisk(instance.path("ann")));
}

async function microtasks(count: number): Promise<void> {
  for (let done = 0; done < count; done += 1) await undefined;
}

test("a home that is given up just as it was taken is not worked on by its old book", async () => {
  const home = await instance.home(ann);
  for (let hops = 0; hops < 40; hops += 1) {
    await instance.store.leases.share(ann.id);
    const making = home.makeDirectory(fromText(`d${hops}`));
    await microtasks(hops);
    await instance.store.leases.share(ann.id);
    await making;
    await expectExact();
  }
});
