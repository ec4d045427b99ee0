import { beforeEach, describe, expect, it } from "vitest";
import type { Dialog } from "../../../admin/model.ts";
import { FakeControl } from "../../support/fake-control.ts";
import { Bench } from "./bench.ts";

let control: FakeControl;
let bench: Bench;

beforeEach(async () => {
  control = new FakeControl({ users: 3 });
  bench = new Bench({ columns: 120, rows: 40 }).feed(control);
  await bench.view("settings").settle(control);
});

function dialog(): Dialog | undefined {
  return bench.model.dialogs.at(-1);
}

async function keys(...all: string[]): Promise<void> {
  for (const key of all) await bench.keys(key).settle(control);
}

/** What control was asked to set. */
function sets(): unknown[] {
  return control.calls
    .filter(({ method }) => method === "settings.set")
    .map(({ params }) => params);
}

describe("a setting", () => {
  it.each(["e", "enter"])("is changed by %s, and the list shows it", async (key) => {
    await keys("/", ..."max_s", "enter", key);
    expect(dialog()).toMatchObject({
      title: "limits.max_sessions",
      text: expect.stringContaining("a whole number from 1 to 100000. The default is 256."),
      fields: [{ initial: "200" }],
    });
    await keys("ctrl-u", ..."300", "enter");
    expect(sets()).toEqual([{ name: "limits.max_sessions", value: "300", was: "200" }]);
    expect(bench.model.dialogs).toEqual([]);
    expect(bench.text).toContain("limits.max_sessions is 300 now: in force.");
    expect(bench.text).toMatch(/limits\.max_sessions +300 +moorage\.toml:9 +at once/);
  });

  it("that is bad is refused in the form, and nothing is changed", async () => {
    await keys("down", "down", "e", "-", "enter");
    expect(dialog()).toMatchObject({
      busy: false,
      error: 'limits.max_sessions: must be a whole number from 1 to 100000, not "-"',
      fields: [{ editor: { text: "-" } }],
    });
    await keys("escape");
    expect(bench.text).toMatch(/limits\.max_sessions +200 /);
  });

  it("that needs a restart says so before and after", async () => {
    await keys("down", "e");
    expect(dialog()).toMatchObject({ text: expect.stringContaining("after a restart") });
    await keys("ctrl-u", "4", "enter");
    expect(bench.text).toContain("server.workers: 4 is in force after a restart of the server.");
    expect(bench.text).toMatch(/server\.workers +auto, then 4 +default +restart/);
    await keys("e");
    expect(dialog()).toMatchObject({
      text: expect.stringContaining("Until then it is auto."),
      fields: [{ initial: "4" }],
    });
  });

  it("of few values is chosen", async () => {
    await keys("end", "e", "w", "enter");
    expect(sets()).toEqual([{ name: "log.level", value: "warn", was: "info" }]);
  });

  it.each([
    [[], "it says where the server listens"],
    [["down", "down", "down"], "limits.queue comes from MOORAGE_LIMITS_QUEUE"],
  ])("that is fixed says why, by any key (%j)", async (way, why) => {
    for (const key of ["e", "enter", "d"]) {
      await keys("home", ...way, key);
      expect(dialog()?.kind).toBe("info");
      expect(bench.text.replace(/[\s│]+/g, " ")).toContain(why);
      await keys("enter");
    }
    expect(sets()).toEqual([]);
  });

  it("of several lines is left to the file", async () => {
    control.settings = control.settings.map((one) => ({ ...one, value: "a\nb", fixed: "" }));
    await keys("9", "e");
    expect(dialog()?.kind).toBe("info");
    expect(bench.text).toContain("has several lines: change it in moorage.toml");
  });

  it("takes its default again after a question", async () => {
    await keys("down", "down", "d");
    expect(dialog()).toMatchObject({
      kind: "confirm",
      text: expect.stringContaining("It is 200. The default is 256."),
    });
    await keys("n", "d", "y");
    expect(sets()).toEqual([{ name: "limits.max_sessions", value: null, was: "200" }]);
    expect(bench.text).toMatch(/limits\.max_sessions +256 +default/);
    await keys("d");
    expect(bench.model.dialogs).toEqual([]);
    expect(bench.text).toContain("limits.max_sessions is 256 already.");
  });

  it("that had its default when it was listed is not taken for having it still", async () => {
    await keys("down", "down", "d", "y");
    control.settings = control.settings.map((one) => ({ ...one, value: "77" }));
    await keys("d");
    expect(bench.text).toContain("limits.max_sessions is 77 by now");
  });

  it("that somebody else has changed meanwhile is not set back by who saw the old value", async () => {
    await keys("down", "down", "e");
    control.settings = control.settings.map((one) => ({ ...one, value: "77" }));
    await keys("enter");
    expect(dialog()).toMatchObject({ error: "limits.max_sessions is 77 by now" });
    await keys("escape", "d", "y");
    expect(bench.text).toContain("limits.max_sessions is 77 by now");
    expect(control.settings.every(({ value }) => value === "77")).toBe(true);
  });

  it("whose change fails leaves the question open, with why", async () => {
    control.fail("settings.set", "moorage.toml was changed by somebody else meanwhile: try again");
    await keys("down", "down", "d", "y");
    expect(dialog()).toMatchObject({ kind: "confirm", busy: false });
    expect(bench.text).toContain("changed by somebody else meanwhile");
  });
});

describe("the list", () => {
  it("is read again after a reload", async () => {
    control.settings = control.settings.map((one) => ({ ...one, value: "77" }));
    await keys("R");
    expect(bench.text).toMatch(/limits\.max_sessions +77 /);
  });

  it("moves by rows below the host keys, by pages and by clicks", async () => {
    const [one] = control.settings;
    control.settings = Array.from({ length: 60 }, (_, at) => ({
      ...(one as (typeof control.settings)[number]),
      name: `limits.no_${at}`,
    }));
    bench.send({ type: "resize", columns: 80, rows: 24 });
    await keys("9", "pagedown");
    expect(bench.model.settingsCursor.index).toBe(12);
    await keys("end");
    const lines = bench.text.split("\n");
    expect(lines[21]).toMatch(/^ limits\.no_59 /);
    expect(lines[8]).toMatch(/^ SETTING /);
    bench.send({ type: "target", target: { kind: "row", index: 50 } });
    expect(bench.model.settingsCursor.index).toBe(50);
    bench.send({ type: "target", target: { kind: "row", index: 50 } });
    expect(dialog()?.title).toBe("limits.no_50");
  });

  it("that is empty takes no key for a setting", async () => {
    await keys("/", ..."nothing", "enter", "e", "d", "enter");
    expect(bench.model.dialogs).toEqual([]);
    expect(bench.text).toContain("No setting is like that.");
  });
});
