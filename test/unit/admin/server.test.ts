import { beforeEach, describe, expect, it } from "vitest";
import { FAKE_NOW, FakeControl } from "../../support/fake-control.ts";
import { Bench } from "./bench.ts";

// What is done with the server itself, what is said of it, and the password that is shown once.

let control: FakeControl;
let bench: Bench;

beforeEach(() => {
  control = new FakeControl({ users: 30 });
  bench = new Bench().feed(control);
});

const calls = () => bench.effects.filter((one) => (one as { kind: string }).kind === "call");

describe("stopping the server", () => {
  it.each([
    ["S", "stop", "2m", { graceMs: 120_000 }],
    ["R", "renew", "1h", { drainMs: 3_600_000 }],
  ])("%s asks how long, then once more, and only then does %s", (key, method, time, params) => {
    bench.keys(key, "ctrl-u").type(time).keys("enter");
    expect(bench.model.dialogs).toMatchObject([{ kind: "confirm" }]);
    expect(calls()).toEqual([]);
    bench.keys("y");
    expect(calls()).toMatchObject([{ method, params }]);
  });

  it("is left by no at the second question, and refuses a wrong time", () => {
    bench.keys("S", "enter", "n");
    expect(bench.model.dialogs).toEqual([]);
    bench.keys("S", "x", "enter");
    expect(bench.model.dialogs.at(-1)?.error).toMatch(/^the time is /);
    bench.keys("ctrl-u").type("2d").keys("enter");
    expect(bench.model.dialogs.at(-1)?.error).toBe("the time is more than a day");
    expect(calls()).toEqual([]);
  });
});

describe("a password that is shown once", () => {
  it("is copied by c, and by nothing else", async () => {
    await bench.view("users").feed(control).keys("p", "enter").settle(control);
    bench.keys("x");
    expect(bench.effects).toEqual([]);
    bench.keys("c");
    const secret = (bench.model.dialogs.at(-1) as { secret: string }).secret;
    expect(bench.effect()).toEqual({ kind: "copy", text: secret });
    expect(bench.text).toContain("Sent to the terminal's clipboard.");
  });

  it("is the only thing that is copied", async () => {
    await bench.view("log").feed(control).settle(control);
    bench.keys("enter", "c");
    expect(bench.effects).toEqual([]);
  });
});

describe("a message", () => {
  it("ends with the next key once it could be read, and by itself", () => {
    const fails = () => bench.send({ type: "failed", dialog: 0, message: "it is busy" });
    fails().keys("down");
    expect(bench.text).toContain("it is busy");
    bench.send({ type: "tick", now: FAKE_NOW + 2_000 });
    expect(bench.text).toContain("it is busy");
    bench.keys("down");
    expect(bench.text).not.toContain("it is busy");
    fails().send({ type: "tick", now: FAKE_NOW + 20_000 });
    expect(bench.text).not.toContain("it is busy");
  });
});
