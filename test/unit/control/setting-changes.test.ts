import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readSettings } from "../../../src/config/load.ts";
import { ControlError } from "../../../src/control/errors.ts";
import type { LocalControl } from "../../../src/control/local.ts";
import { changeSetting, putInForce } from "../../../src/control/setting-changes.ts";
import { ControlDesk } from "./desk.ts";

let desk: ControlDesk;
let control: LocalControl;

beforeEach(async () => {
  desk = await ControlDesk.open();
  control = desk.as("alice@203.0.113.5");
});

afterEach(async () => {
  control.close();
  await desk.close();
});

const path = () => join(desk.root, "moorage.toml");
const write = (text: string) => writeFileSync(path(), text);
const read = () => readFileSync(path(), "utf8");
const set = (name: string, value: string | null) => control.call("settings.set", { name, value });

async function listed(name: string) {
  return (await control.call("settings", {})).find((one) => one.name === name);
}

describe("settings.set", () => {
  test("writes the file, puts it in force everywhere, and is audited with both values", async () => {
    write("# ours\n[limits]\nqueue = 7 # few\n");
    expect(await set("limits.queue", "9")).toEqual({
      name: "limits.queue",
      value: "9",
      before: "7",
      changed: true,
      inForce: true,
    });
    expect(read()).toBe("# ours\n[limits]\nqueue = 9 # few\n");
    expect(desk.host.config.limits.queue).toBe(9);
    expect(await desk.changes()).toEqual(["reload"]);
    expect(await desk.audited()).toEqual(["setting-set alice@203.0.113.5 limits.queue = 9, was 7"]);
  });

  test("makes the file, and takes the default again", async () => {
    await set("quota.default", "20GB");
    expect(read()).toBe('[quota]\ndefault = "20GB"\n');
    expect(await listed("quota.default")).toMatchObject({
      value: "20GB",
      source: "moorage.toml:2 (quota.default)",
    });
    expect(await set("quota.default", null)).toMatchObject({ value: "10.24GB", before: "20GB" });
    expect(read()).toBe("[quota]\n");
    expect(await listed("quota.default")).toMatchObject({ value: "10.24GB", source: "default" });
  });

  test("says what only a restart puts in force, and what waits for it", async () => {
    expect(await set("digests.workers", "3")).toMatchObject({ inForce: false, changed: true });
    expect(desk.host.config.digests.workers).toBe(0);
    expect(await listed("digests.workers")).toMatchObject({ value: "0", waiting: "3" });
    expect(await set("digests.workers", "0")).toMatchObject({ inForce: true });
    expect(await listed("digests.workers")).toMatchObject({ value: "0", waiting: null });
  });

  test("what is so already changes nothing, and is not recorded", async () => {
    write("[limits]\nqueue = 0x80\n");
    expect(await set("limits.queue", "128")).toMatchObject({ changed: false, inForce: true });
    expect(await set("trash.keep", null)).toMatchObject({ changed: false });
    expect(read()).toBe("[limits]\nqueue = 0x80\n");
    expect(await desk.audited()).toEqual([]);
  });

  test("what somebody else has set since it was looked at stays", async () => {
    write("[limits]\nqueue = 7\n");
    for (const value of ["9", null]) {
      const late = control.call("settings.set", { name: "limits.queue", value, was: "128" });
      await expect(late).rejects.toThrow(
        "limits.queue is 7 by now, set by somebody else: read the settings again (R)",
      );
    }
    expect(read()).toBe("[limits]\nqueue = 7\n");
    const known = await control.call("settings.set", {
      name: "limits.queue",
      value: "9",
      was: "7",
    });
    expect(known).toMatchObject({ value: "9", before: "7" });
  });

  test("a value that was wrong is put right", async () => {
    write('[limits]\nqueue = "many"\n');
    expect(await set("limits.queue", "5")).toMatchObject({ before: null, value: "5" });
    expect(await desk.audited()).toEqual(["setting-set alice@203.0.113.5 limits.queue = 5"]);
  });

  test.each([
    ["limits.queue", "-1", "must be a whole number from 0 to 100000"],
    ["limits.idle_timeout", "1ms", "less than 1m could shut out admins, too"],
    ["limits.que", "1", "did you mean limits.queue?"],
    ["limits", "1", "unknown setting"],
    ["constructor", "1", "unknown setting"],
    ["log.file", "db/x.log", "is changed in moorage.toml on the server's machine"],
    ["events", "[]", "is changed in moorage.toml on the server's machine"],
    ["store.url", "", "is changed in moorage.toml on the server's machine"],
    ["access.deny", null, "is changed in moorage.toml on the server's machine"],
  ])("%s to %j is refused, and nothing changed", async (name, value, problem) => {
    write("# ours\n");
    await expect(set(name, value)).rejects.toThrow(problem);
    expect(read()).toBe("# ours\n");
    expect([await desk.audited(), await desk.changes()]).toEqual([[], []]);
  });

  test("what a flag gives is refused, and names the flag", async () => {
    desk.flags = { "--limits-queue": "7" };
    for (const value of ["9", null]) {
      await expect(set("limits.queue", value)).rejects.toThrow(
        "limits.queue comes from --limits-queue; the file would have no effect",
      );
    }
    expect(() => read()).toThrow("ENOENT");
  });

  test("the whole has to be right: another wrong setting is named, and nothing changed", async () => {
    const text = '[limits]\nqueue = 1\n[log]\nlevel = "loud"\n';
    write(text);
    await expect(set("limits.queue", "2")).rejects.toThrow(/log\.level/);
    expect(read()).toBe(text);
  });

  test("a setting that stands there twice, by a quoted name, is left to people", async () => {
    write('"limits.queue" = 5\n');
    expect(await set("limits.queue", "6")).toMatchObject({ value: "6" });
    await expect(set("limits.queue", null)).rejects.toThrow("more than once");
  });

  test("a record has what people can read of a long text, in one line", async () => {
    await set("server.banner", `\u001b[31m\n${"x".repeat(500)}`);
    const [record = ""] = await desk.audited();
    expect(record).toMatch(/server\.banner = \\x1b\[31m\\x0ax+…, was ""$/);
    expect(desk.host.config.server.banner).toContain("\u001b[31m\nxxx");
  });
});

test("what was before is that of the text that is changed, though another wrote just before", async () => {
  write("[limits]\nqueue = 7\n");
  const texts: (string | undefined)[] = [];
  const read = (file?: string) => {
    texts.push(file);
    return readSettings({ root: desk.root, env: {}, file });
  };
  const { before } = await changeSetting({ root: desk.root, read }, "limits.queue", "9");
  expect(before?.value).toBe(7);
  expect(texts).toEqual(["[limits]\nqueue = 7\n", "[limits]\nqueue = 9\n"]);
});

describe("what a server refuses", () => {
  const place = () => ({
    root: desk.root,
    read: (file?: string) => readSettings({ root: desk.root, env: {}, file }),
  });

  test("is taken back", async () => {
    write("# ours\n");
    const change = await changeSetting(place(), "limits.queue", "9");
    expect(read()).toBe("# ours\n\n[limits]\nqueue = 9\n");
    const refusing = putInForce(change, async () => {
      throw new Error("no");
    });
    await expect(refusing).rejects.toThrow("no");
    expect(read()).toBe("# ours\n");
  });

  test("leaves no file where there was none, and an empty one where that was", async () => {
    const refused = async () => {
      throw new ControlError("no", 2);
    };
    const changed = () => changeSetting(place(), "limits.queue", "9");
    const said = "the server did not take it, and moorage.toml is as it was: no";
    await expect(putInForce(await changed(), refused)).rejects.toThrow(said);
    expect(() => read()).toThrow("ENOENT");
    write("");
    await expect(putInForce(await changed(), refused)).rejects.toThrow(said);
    expect(read()).toBe("");
  });

  test("and can't be taken back is not said to be as it was", async () => {
    const change = await changeSetting(place(), "limits.queue", "9");
    const refusing = putInForce(change, async () => {
      write("[limits]\nqueue = 10\n");
      throw new ControlError("no", 2);
    });
    await expect(refusing).rejects.toThrow(
      new ControlError(
        "the server did not take it, and moorage.toml is not as it was (moorage.toml was changed by somebody else meanwhile): no",
        2,
      ),
    );
    expect(read()).toBe("[limits]\nqueue = 10\n");
  });

  test("is not taken back when somebody else has changed the file since", async () => {
    const change = await changeSetting(place(), "limits.queue", "9");
    write("[limits]\nqueue = 10\n");
    await expect(change.undo()).rejects.toThrow("changed by somebody else meanwhile");
    expect(read()).toBe("[limits]\nqueue = 10\n");
  });
});
