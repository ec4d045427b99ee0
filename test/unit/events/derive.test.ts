import { describe, expect, test } from "vitest";
import { eventOf } from "../../../src/events/derive.ts";
import { EVENT_GROUPS, EVENT_KINDS, kindsOf } from "../../../src/events/kinds.ts";
import { wants } from "../../../src/events/wants.ts";
import { quotaCrossed } from "../../../src/server/quota-warning.ts";
import { AuditedFileSystem } from "../../../src/session/audited.ts";
import type { AuditEvent } from "../../../src/store/types.ts";
import { fromText } from "../../../src/vfs/path.ts";
import { PUT, TestInstance } from "../../support/instance.ts";
import { receiver } from "./world.ts";

const AT = Date.UTC(2026, 0, 2, 3, 4, 5);

function made(event: AuditEvent) {
  return eventOf({ ...event, id: 1, at: AT }, "id");
}

describe("an event of a record", () => {
  test("attack: who fails to log in as @payroll says nothing of the folder payroll", () => {
    for (const kind of ["login-failed", "penalty"] as const) {
      const event = made({ kind, user: "@payroll", remote: "192.0.2.1" });
      expect(event).toMatchObject({ user: "@payroll" });
      expect(wants(receiver({ kinds: ["all"], folders: ["payroll"] }))(event)).toBe(false);
    }
  });

  test("has what the record has", () => {
    const event = {
      kind: "upload",
      user: "ann",
      remote: "192.0.2.1",
      session: 3,
      path: "/in/a",
      bytes: 5,
      durationMs: 7,
      detail: "1.00 MB/s",
    } as const;
    expect(made(event)).toEqual({
      version: 1,
      id: "id",
      time: "2026-01-02T03:04:05.000Z",
      kind: "upload",
      user: "ann",
      address: "192.0.2.1",
      session: 3,
      path: "/in/a",
      bytes: 5,
      durationMs: 7,
      detail: "1.00 MB/s",
    });
  });

  test("names the folder and the path in it, of a rename both of both ends", () => {
    const path = "@team/in/a";
    expect(made({ kind: "remove", user: "ann", path })).toMatchObject({
      folder: "team",
      path: "/in/a",
    });
    expect(made({ kind: "rename", path, detail: "to @other/to b" })).toMatchObject({
      folder: "team",
      to: "/to b",
      toFolder: "other",
    });
    expect(made({ kind: "rename", path: "/a", detail: "to /b" })).toMatchObject({ to: "/b" });
    expect(made({ kind: "rmdir", path: "@team" })).toMatchObject({ folder: "team", path: "/" });
  });

  test("has folders and groups in their own fields", () => {
    expect(made({ kind: "folder-add", user: "@team" })).toMatchObject({ folder: "team" });
    expect(made({ kind: "access-set", user: "@devs" })).toMatchObject({ group: "devs" });
    expect(made({ kind: "access-set", user: "@devs" })).not.toHaveProperty("user");
  });

  test("of a quota has the mark that was crossed", () => {
    let recorded: AuditEvent | undefined;
    const record = (event: AuditEvent): void => {
      recorded = event;
    };
    const of = { userId: 1, user: "ann", of: "bytes", used: 96, quota: 100 } as const;
    quotaCrossed({ record }, { ...of, mark: 95 });
    expect(made(recorded as AuditEvent)).toMatchObject({ user: "ann", percent: 95, bytes: 96 });
  });

  test("says of a transfer whether it came to its end", async () => {
    const instance = await TestInstance.create();
    try {
      const home = await instance.home(await instance.addUser("ann", null));
      const records: AuditEvent[] = [];
      const files = new AuditedFileSystem(home, (event) => records.push(event));
      for (const name of ["/whole", "/left", "/ended"]) {
        const file = await files.open(fromText(name), PUT);
        await file.write([Buffer.from("x")], 1, 0);
        if (name === "/ended") files.endTransfer(3, "ended by root");
        if (name !== "/left") await file.close();
      }
      await files.close();
      expect(records.map(made).map(({ kind, path }) => `${path} ${kind}`)).toEqual([
        "/whole upload",
        "/ended upload-unfinished",
        "/left upload-unfinished",
      ]);
    } finally {
      await instance.close();
    }
  });
});

describe("a receiver wants", () => {
  const upload = made({ kind: "upload", user: "ann", path: "@team/a" });

  test("kinds by name and by group", () => {
    expect(wants(receiver({ kinds: ["transfers"] }))(upload)).toBe(true);
    expect(wants(receiver({ kinds: ["logins", "upload"] }))(upload)).toBe(true);
    expect(wants(receiver({ kinds: ["logins", "download"] }))(upload)).toBe(false);
    expect(kindsOf(["all"])).toEqual(new Set(EVENT_KINDS));
  });

  test("users and folders by pattern, and both must be so", () => {
    expect(wants(receiver({ users: ["bob", "a*"] }))(upload)).toBe(true);
    expect(wants(receiver({ users: ["bob"] }))(upload)).toBe(false);
    expect(wants(receiver({ folders: ["t?am"] }))(upload)).toBe(true);
    expect(wants(receiver({ users: ["ann"], folders: ["x"] }))(upload)).toBe(false);
  });

  test("what is of no user or folder only without such a pattern", () => {
    const start = made({ kind: "server-start" });
    expect(wants(receiver())(start)).toBe(true);
    expect(wants(receiver({ users: ["*"] }))(start)).toBe(false);
    expect(wants(receiver({ folders: ["*"] }))(start)).toBe(false);
  });

  test("what is moved into a folder, as what is moved out of it", () => {
    const into = made({ kind: "rename", user: "ann", path: "/a", detail: "to @team/a" });
    expect(wants(receiver({ folders: ["team"] }))(into)).toBe(true);
  });

  test("every group has kinds, and no kind has the name of a group", () => {
    for (const name of EVENT_GROUPS) {
      expect(kindsOf([name]).size).toBeGreaterThan(1);
      expect(EVENT_KINDS).not.toContain(name);
    }
  });
});
