import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Authenticator } from "../../src/auth/authenticator.ts";
import { Passwords } from "../../src/auth/passwords.ts";
import { ControlError } from "../../src/control/errors.ts";
import { FolderControl } from "../../src/control/folders.ts";
import { GroupControl } from "../../src/control/groups.ts";
import { UserControl } from "../../src/control/users.ts";
import type { UserKey } from "../../src/store/types.ts";
import { faultyFs } from "../support/faulty-fs.ts";
import { faultyStatements } from "../support/faulty-statements.ts";
import { TestInstance } from "../support/instance.ts";

vi.mock("node:fs", async (original) => {
  const { faultyFs } = await import("../support/faulty-fs.ts");
  return faultyFs.callbacksAndSync(await original());
});
vi.mock("node:fs/promises", async (original) => {
  const { faultyFs } = await import("../support/faulty-fs.ts");
  return faultyFs.promises(await original());
});

let instance: TestInstance;
let users: UserControl;
let groups: GroupControl;
let folders: FolderControl;

beforeEach(async () => {
  instance = await TestInstance.create();
  const { store, root } = instance;
  const common = { store, root, actor: "test", announced: async () => {} };
  users = new UserControl({
    ...common,
    rule: { passwordMinLength: 1, passwordStrength: 0 },
    quota: { default: 5_000, files: null },
    hash: async (password) => `hash of ${password}`,
  });
  groups = new GroupControl({ ...common, quota: { default: 5_000 } });
  folders = new FolderControl(common);
  await groups.add("staff");
});

afterEach(async () => {
  faultyFs.disarm();
  faultyStatements.disarm();
  await instance.close();
});

function key(letter: string): UserKey {
  return {
    fingerprint: `SHA256:${letter.repeat(43)}`,
    algorithm: "ssh-ed25519",
    blob: Buffer.from(letter),
    comment: letter,
    createdAt: 1,
  };
}

const NEW = { role: "user", password: "secret", groups: ["staff"], keys: [key("a"), key("b")] };

async function user(name: string): Promise<void> {
  await users.add({ name, role: "user", password: "old", keys: [key("a")], quotaBytes: 1_000 });
  writeFileSync(instance.path(name, "file"), "x");
  await users.rescan(name);
}

function oldHome(name: string): void {
  mkdirSync(instance.path(name, "sub"), { recursive: true });
  writeFileSync(instance.path(name, "sub", "file"), "12345");
}

/** What is asked for, what was there before, and whether it may be done in part and then again. */
interface Change {
  readonly given: (name: string) => unknown;
  readonly act: (name: string) => Promise<unknown>;
  /** its steps show one by one: an end that was not reached is reached when it is asked for again */
  readonly inSteps?: boolean;
}

const nothing = (): void => {};
const folder = (name: string) => folders.add({ name, quotaBytes: 1_000, quotaFiles: null });

const CHANGES: Record<string, Change> = {
  "a new user": {
    given: nothing,
    act: (name) => users.add({ name, ...NEW, role: "user" }),
  },
  "a new user with an old home": {
    given: oldHome,
    act: (name) => users.add({ name, ...NEW, role: "user" }),
  },
  "a user's limits": {
    given: user,
    act: (name) => users.set(name, { quotaBytes: 7_000, role: "admin", maxSessions: 3 }),
  },
  "a password": { given: user, act: (name) => users.setPassword(name, "new") },
  "disabling a user": { given: user, act: (name) => users.disable(name) },
  "new keys": { given: user, act: (name) => users.addKeys(name, [key("b"), key("c")]) },
  "removing a key": { given: user, act: (name) => users.removeKey(name, key("a").fingerprint) },
  "removing a user": { given: user, act: (name) => users.remove(name), inSteps: true },
  "removing a user with the home": {
    given: user,
    act: (name) => users.remove(name, { deleteHome: true }),
    inSteps: true,
  },
  "a new folder": { given: nothing, act: folder },
  "a new folder with old files": { given: oldHome, act: folder },
  "a folder that is shared": {
    given: async (name) => {
      await user("ann");
      await folder(name);
    },
    act: (name) => folders.share(name, { to: "ann", access: "read" }),
  },
  "removing a folder": {
    given: folder,
    act: (name) => folders.remove(name, { deleteFiles: true }),
    inSteps: true,
  },
  "a new group": { given: nothing, act: (name) => groups.add(name) },
};

/** All that is known under a name: in the database, and in homes/. */
async function known(name: string) {
  const { store } = instance;
  const account = await store.users.byName(name);
  const found = await store.folders.byName(name);
  const group = await store.groups.byName(name);
  const home = join(instance.root, "homes", found === undefined ? name : `@${name}`);
  const files = existsSync(home) ? readdirSync(home, { recursive: true }).sort() : undefined;
  return plain({
    account,
    keys: account && (await store.keys.list(account.id)),
    folder: found,
    shares: found && (await store.access.sharesOf(found.id)),
    group,
    files: account === undefined && files?.length === 0 ? "none" : files,
  });
}

/** Without what differs from one time to the next. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (field, inner) =>
      ["id", "createdAt", "userId", "folderId", "name", "folder"].includes(field) &&
      typeof inner !== "object"
        ? "-"
        : inner,
    ),
  );
}

async function attempted(act: () => Promise<unknown>): Promise<Error | undefined> {
  try {
    await act();
    return undefined;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Error);
    return thrown as Error;
  }
}

const KINDS = {
  statement: {
    arm: (n: number) => faultyStatements.arm("SQLITE_IOERR", n),
    disarm: () => faultyStatements.disarm(),
    failed: () => faultyStatements.failed,
  },
  "system call": {
    arm: (n: number) => faultyFs.arm("EIO", n),
    disarm: () => faultyFs.disarm(),
    failed: () => faultyFs.failed,
  },
};

/** The change under a name of its own, with the Nth call failing; what failed. */
async function change(
  { given, act, inSteps }: Change,
  kind: keyof typeof KINDS,
  name: string,
  n: number,
) {
  const { arm, disarm, failed } = KINDS[kind];
  await given(name);
  await instance.store.audit.flush();
  const before = await known(name);
  arm(n);
  const error = await attempted(() => act(name));
  disarm();
  const what = `${kind} ${n}: ${failed()}`;
  const after = await known(name);
  const again = error && (await attempted(() => act(name)));
  return { what, failed: failed(), before, after, error, again, inSteps, last: await known(name) };
}

const names = Object.keys(CHANGES).flatMap((name) =>
  (Object.keys(KINDS) as (keyof typeof KINDS)[]).map((kind) => [name, kind] as const),
);

test.each(names)(
  "%s, with the Nth %s failing: all of it or nothing, and it can be done again",
  async (name, kind) => {
    const one = CHANGES[name] as Change;
    const wanted = (await change(one, kind, "x0", 0)).after;
    let n = 1;
    for (let done = false; !done; n += 1) {
      if (existsSync(instance.path("ann"))) await users.remove("ann", { deleteHome: true });
      const came = await change(one, kind, `x${n}`, n);
      done = came.failed === undefined;
      if (came.error === undefined) expect(came.after, came.what).toEqual(wanted);
      else if (!one.inSteps) expect([came.before, wanted], came.what).toContainEqual(came.after);
      // What is done already can't be done again: that is said.
      if (came.again !== undefined) {
        expect(came.again, came.what).toBeInstanceOf(ControlError);
        expect(came.after, came.what).toEqual(wanted);
      }
      expect(came.last, came.what).toEqual(wanted);
    }
  },
);

test("a login, with the Nth statement failing: it is refused, and the next one is let in", async () => {
  const passwords = new Passwords();
  const authenticator = new Authenticator(instance.store, passwords);
  await instance.addUser("ann", 1_000);
  const { id } = (await instance.store.users.byName("ann")) ?? { id: 0 };
  await instance.store.users.setPassword(id, await passwords.hash("secret"));
  let n = 1;
  for (let done = false; !done; n += 1) {
    faultyStatements.arm("SQLITE_IOERR", n);
    let account: unknown;
    const error = await attempted(async () => {
      account = await authenticator.verifyPassword("ann", "secret");
    });
    faultyStatements.disarm();
    done = faultyStatements.failed === undefined;
    if (error !== undefined) expect(account).toBeUndefined();
    expect(await authenticator.verifyPassword("ann", "wrong")).toBeUndefined();
    expect(await authenticator.verifyPassword("ann", "secret")).toMatchObject({ name: "ann" });
  }
  expect(n).toBeGreaterThan(2);
  await authenticator.settled();
});
