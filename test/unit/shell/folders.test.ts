import { spawnSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Shell } from "../../../src/shell/context.ts";
import type { Account } from "../../../src/store/types.ts";
import { put, Team } from "../../support/team.ts";
import { contextOf, run } from "./harness.ts";

let team: Team;
let ann: Account;
let shell: Shell;

beforeEach(async () => {
  team = await Team.create();
  ann = await team.user("ann", 1_000_000);
  const fs = await team.session(ann);
  const usage = () => team.instance.ledger.exactUsage(ann.id);
  shell = new Shell(contextOf(fs, { usage }));
  await team.folder("work", 2_000_000);
  await team.folder("open");
  await team.folder("inbox", 3_000_000);
  await team.folder("secret", 4_000_000);
  await team.folders.share("work", { to: "ann", at: "/projects", access: "full" });
  await team.folders.share("open", { to: "ann", at: "/a/b", access: "read" });
  await team.folders.share("inbox", { to: "ann", at: "/hand-in", access: "drop" });
  await team.folders.share("secret", { to: "ann", access: "none" });
  await put(fs, "/own", "x".repeat(200_000));
  await put(fs, "/projects/plan", "x".repeat(500_000));
});

afterEach(() => team.close());

const output = async (line: string): Promise<string> => {
  const { status, stdout, stderr } = await run(shell, line);
  expect([status, stderr]).toEqual([0, ""]);
  return stdout;
};

/** The columns of each line but the titles. */
const cells = async (line: string): Promise<string[][]> =>
  (await output(line))
    .trim()
    .split("\n")
    .slice(1)
    .map((text) => text.split(/ +/));

describe("a user's disks", () => {
  it("df lists the home first, then each folder of which the user may see how full it is", async () => {
    const lines = await cells("df");
    expect(lines.map((line) => line.at(-1))).toEqual(["/", "/a/b", "/projects"]);
    expect(lines[0]).toEqual(["moorage", "976", "196", "780", "21%", "/"]);
    expect(lines[2]).toEqual(["moorage", "1953", "489", "1464", "26%", "/projects"]);
    // Where the shell stands changes nothing, as with any df.
    await run(shell, "cd projects");
    // What is free in /a/b, which has no quota, is the disk's, and others use it.
    const limited = (all: string[][]) => all.filter((line) => line.at(-1) !== "/a/b");
    expect(limited(await cells("df"))).toEqual(limited(lines));
    expect(await cells("df /projects")).toEqual([lines[2]]);
    expect(await cells("df plan /own")).toEqual([lines[2], lines[0]]);
  });

  it("df -h, -H, -m and -B have each folder's size", async () => {
    const sizes = async (option: string) =>
      (await cells(`df ${option}`)).filter((line) => line.at(-1) !== "/a/b").map((line) => line[1]);
    expect(await sizes("-h")).toEqual(["977K", "2.0M"]);
    expect(await sizes("-H")).toEqual(["1.0M", "2.0M"]);
    expect(await sizes("-m")).toEqual(["0", "1"]);
    expect(await sizes("-B1")).toEqual(["1000000", "2000000"]);
    expect(await sizes("-BkB")).toEqual(["1000kB", "2000kB"]);
    expect(await sizes("--block-size=500000")).toEqual(["2", "4"]);
    for (const size of ["0", "", "x", "1Q", "999999999P"]) {
      expect(await run(shell, `df -B '${size}'`)).toMatchObject({
        status: 1,
        stderr: expect.stringContaining(`invalid block size '${size}'`),
      });
    }
  });

  it("df -T tells a folder from the home, --total adds up, -i counts files", async () => {
    expect((await cells("df -T")).map((line) => line[1])).toEqual(["home", "folder", "folder"]);
    expect((await cells("df -B1 --total / /projects")).at(-1)).toEqual([
      "total",
      "3000000",
      "700000",
      "2297856",
      "24%",
      "-",
    ]);
    const used = (await cells("df -i")).map((line) => line[2]);
    // In the home: a file, and the directory that leads to /a/b.
    expect(used).toEqual(["2", "0", "1"]);
  });

  it.each(["", "-h", "-H", "-k", "-m", "-P", "-Pm", "-hP", "-T", "-i", "-hi", "-iT", "-B4096"])(
    "df %s has the titles of coreutils",
    async (option) => {
      const theirs = spawnSync("df", [...(option && [option]), "/"], { env: { LC_ALL: "C" } });
      const titles = (text: string) => text.split("\n", 1)[0]?.split(/ +/);
      // Like the Filesystem, their columns may be wider.
      expect(titles(await output(`df ${option}`))).toEqual(titles(`${theirs.stdout}`));
    },
  );

  it("quota has the home's lines and each folder's", async () => {
    expect(await output("quota")).toBe(
      [
        "        used   limit    free used% on\n",
        "bytes 200000 1000000  800000   20% /\n",
        "files      2    none       -     - /\n",
        "bytes      0    none       -     - /a/b\n",
        "files      0    none       -     - /a/b\n",
        "bytes 500000 2000000 1500000   25% /projects\n",
        "files      1    none       -     - /projects\n",
      ].join(""),
    );
  });

  it("quota fails when a folder has more than it may have", async () => {
    await team.folders.set("work", { quotaBytes: 400_000 });
    const { status, stdout } = await run(shell, "quota");
    expect(stdout).toMatch(/bytes +500000 +400000 +0 +125% \/projects/);
    expect(status).toBe(1);
  });

  it("a folder that is taken away is in neither", async () => {
    await team.folders.unshare("work", "ann");
    expect((await cells("df")).map((line) => line.at(-1))).toEqual(["/", "/a/b"]);
    expect(await output("quota")).not.toContain("projects");
  });

  it("du counts folders that are in a PATH, and leaves them out with -x", async () => {
    expect(await output("du -sb; du -sbx; du -sb /projects; du -sbx projects")).toBe(
      "700000\t.\n200000\t.\n500000\t/projects\n500000\tprojects\n",
    );
    expect(await output("du -bx /; du --block-size=1k -s projects; du --si -s .")).toBe(
      "0\t/a\n0\t/hand-in\n200000\t/\n489\tprojects\n700k\t.\n",
    );
    await run(shell, "cd a");
    expect(await output("du -bx; du -bx ..")).toBe("0\t.\n0\t../a\n0\t../hand-in\n200000\t..\n");
  });
});
