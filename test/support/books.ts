import { expect, vi } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { onDisk } from "./instance.ts";

/** An instance, wherever its server runs. */
interface Instance {
  readonly store: Store;
  home(name: string): string;
}

/** What the books say a user has, in the shape of {@link onDisk}. */
export async function inBooks(store: Store, user = "ann"): Promise<ReturnType<typeof onDisk>> {
  const { id = 0 } = (await store.users.byName(user)) ?? {};
  const { usedBytes, usedFiles } = await store.ledger.usage(id);
  return { bytes: usedBytes, files: usedFiles };
}

/** What the database says, without asking the processes that hold homes. */
export async function inDatabase(store: Store, user = "ann"): Promise<ReturnType<typeof onDisk>> {
  const { usedBytes = 0, usedFiles = 0 } = (await store.users.byName(user)) ?? {};
  return { bytes: usedBytes, files: usedFiles };
}

export async function booksEqualDisk(instance: Instance, user = "ann"): Promise<void> {
  expect(await inBooks(instance.store, user)).toEqual(onDisk(instance.home(user)));
}

/** What clients left open is closed soon: then the books equal the disk. */
export async function booksGetExact(
  instance: Instance,
  { user = "ann", timeout = 20_000 } = {},
): Promise<void> {
  await vi.waitFor(() => booksEqualDisk(instance, user), { timeout });
}
