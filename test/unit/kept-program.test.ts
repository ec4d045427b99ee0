import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

// As `npm run build` leaves it: it is CommonJS, for what starts before any ES module.
const BUILT = fileURLToPath(new URL("../../dist/src/kept-program.cjs", import.meta.url));

let directory: string;
let program: string;
let kept: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "moorage-kept-"));
  program = join(directory, "program.cjs");
  kept = join(directory, "kept");
  write("0123456789abcdef", "one");
});

afterEach(() => rmSync(directory, { recursive: true }));

function write(digest: string, says: string): void {
  const lines = [`//${digest}`, `exports.says = () => "${says}";`, "exports.at = __filename;"];
  writeFileSync(program, `${lines.join("\n")}\n`);
}

/** Runs the program in a process of its own; what it says, and whether what was kept was taken. */
function run(code = 0): { says: string; taken: boolean } {
  const text = `
    const vm = require("node:vm");
    let script;
    const { Script } = vm;
    vm.Script = class extends Script { constructor(...all) { super(...all); script = this; } };
    const { runKept } = require(${JSON.stringify(BUILT)});
    const { says } = runKept(${JSON.stringify(program)}, ${JSON.stringify(kept)}, "client-test");
    console.log(JSON.stringify({ says: says(), taken: script.cachedDataRejected === false }));
    process.exitCode = Number(process.argv[1]);`;
  try {
    return JSON.parse(
      execFileSync(process.execPath, ["-e", text, String(code)], { encoding: "utf8" }),
    );
  } catch (error) {
    return JSON.parse((error as { stdout: string }).stdout);
  }
}

describe("a program that is kept compiled", () => {
  test("is compiled once", () => {
    expect(run()).toEqual({ says: "one", taken: false });
    expect(run()).toEqual({ says: "one", taken: true });
  });

  test("is another one with another digest, even of the same length", () => {
    run();
    write("fedcba9876543210", "two");
    expect(run()).toEqual({ says: "two", taken: false });
  });

  test("is not kept when the start failed", () => {
    run(1);
    expect(run()).toEqual({ says: "one", taken: false });
  });

  test("is compiled anew where others may have written, or it is damaged", () => {
    run();
    const [name = ""] = readdirSync(kept);
    chmodSync(join(kept, name), 0o666);
    expect(run()).toEqual({ says: "one", taken: false });
    writeFileSync(join(kept, name), "damaged");
    chmodSync(join(kept, name), 0o600);
    expect(run()).toEqual({ says: "one", taken: false });
    expect(run()).toEqual({ says: "one", taken: true });
  });

  test("is compiled anew where the end of what was kept is damaged: V8 would run it", () => {
    run();
    const [name = ""] = readdirSync(kept);
    const file = join(kept, name);
    const data = readFileSync(file);
    writeFileSync(file, data.fill(0, data.length / 2));
    expect(run()).toEqual({ says: "one", taken: false });
    expect(run()).toEqual({ says: "one", taken: true });
  });

  test("attack: a directory that others can write to, or a link in its place, is not used", () => {
    run();
    chmodSync(kept, 0o777);
    expect(run()).toEqual({ says: "one", taken: false });
    chmodSync(kept, 0o700);
    const elsewhere = join(directory, "elsewhere");
    renameSync(kept, elsewhere);
    symlinkSync(elsewhere, kept);
    expect(run()).toEqual({ says: "one", taken: false });
  });

  test("attack: a link where it is to be kept, or kept, is not followed", () => {
    run();
    const [name = ""] = readdirSync(kept);
    renameSync(join(kept, name), join(directory, "moved"));
    symlinkSync(join(directory, "moved"), join(kept, name));
    expect(run()).toEqual({ says: "one", taken: false });
    expect(lstatSync(join(kept, name)).isFile()).toBe(true);
  });

  test("leaves a bounded number of files, the newest", () => {
    run();
    const [name = ""] = readdirSync(kept);
    for (let at = 0; at < 30; at++) {
      const old = join(kept, name.replace("0123456789abcdef", `${at}`.padStart(16, "0")));
      writeFileSync(old, "");
      utimesSync(old, at, at);
    }
    write("fedcba9876543210", "two");
    run();
    const left = readdirSync(kept);
    expect(left).toHaveLength(12);
    expect(left).toContain(name);
  });

  test("runs without a place to keep it in", () => {
    const { runKept } = createRequire(import.meta.url)(BUILT);
    expect(runKept(program, undefined, "client-test").says()).toBe("one");
    expect(runKept(program, undefined, "client-test").at).toBe(program);
  });
});
