import { execFileSync } from "node:child_process";
import { PassThrough } from "node:stream";
import { beforeAll, expect, test } from "vitest";
import { run } from "../../../src/cli/run.ts";

const scripts = new Map<string, string>();

beforeAll(async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    let out = "";
    const io = {
      env: {},
      stdin: new PassThrough(),
      out: (text: string) => {
        out += text;
      },
      err: () => {},
      colour: false,
    };
    expect(await run(["completion", shell], io)).toBe(0);
    scripts.set(shell, out);
  }
});

/** What bash offers for the last of the words. */
function offered(...words: string[]): string[] {
  const script = `${scripts.get("bash")}
    COMP_WORDS=(moorage "$@"); COMP_CWORD=$#; _moorage; echo "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", script, "bash", ...words], { encoding: "utf8" })
    .trim()
    .split(" ");
}

test.each([
  [["ser"], ["serve"]],
  [
    ["user", "key", ""],
    ["add", "list", "remove", "--help"],
  ],
  [["user", "list", "--j"], ["--json"]],
  [
    ["group", "l"],
    ["list", "leave"],
  ],
  [["serve", "--limits-max-u"], ["--limits-max-unauthenticated"]],
  [["--root", "/x", "sta"], ["status"]],
  [["user", "disable", "serve", "--f"], ["--force"]],
  [["config", "set", "limits.max_u"], ["limits.max_unauthenticated"]],
  [
    ["config", "unset", "quota."],
    ["quota.default", "quota.files"],
  ],
])("bash completes %j", (words, expected) => {
  expect(offered(...words)).toEqual(expected);
});

test("zsh uses bash's functions, fish has a line for each command", () => {
  expect(scripts.get("zsh")).toContain("bashcompinit");
  expect(scripts.get("fish")).toMatch(/-n '.*user; and .*passwd.*' -a '--password-stdin/);
});
