import { expect, test } from "vitest";
import { csvLine } from "../../../src/cli/commands/logs-text.ts";
import { openStore } from "../../../src/store/store.ts";
import { type World, world } from "./world.ts";

async function trail(): Promise<World> {
  const here = world();
  const store = await openStore(here.root, "command", "x", { withoutHomes: true });
  const { audit } = store;
  const ann = { user: "ann", remote: "192.0.2.1:5", session: 3 } as const;
  audit.record({ ...ann, kind: "login", detail: "password, SSH-2.0-Moorage_0.1.0" });
  for (let n = 0; n < 1_500; n += 1) {
    audit.record({ ...ann, kind: "upload", path: `/photos/${n}.jpg`, bytes: 4_000 });
  }
  audit.record({ kind: "user-set", user: "ann", actor: "cli:root", detail: "=1+1" });
  audit.record({ kind: "login-failed", user: "bob", remote: "[2001:db8::1]:9" });
  audit.record({
    ...ann,
    kind: "upload",
    path: "/a",
    bytes: 5,
    temporaryPath: "/a.filepart",
    detail: "5 B/s, unfinished: 5 of 10 bytes",
    unfinished: true,
  });
  await store.close();
  return here;
}

test("many small files are one line, which opens", async () => {
  const { moorage } = await trail();
  const { out } = await moorage("logs");
  expect(out.split("\n").map((line) => line.slice(21))).toEqual([
    "login            ann  from 192.0.2.1:5  session 3  password, SSH-2.0-Moorage_0.1.0",
    expect.stringMatching(
      /^upload {11}ann {2}from 192\.0\.2\.1:5 {2}session 3 {2}1,500 files, 6\.00 MB, into \/photos\/ {2}[\d:]{8}-[\d:]{8} {2}\(--batch 2\)$/,
    ),
    "user-set         ann  =1+1  by cli:root",
    "login-failed     bob  from [2001:db8::1]:9",
    "upload           ann  from 192.0.2.1:5  session 3  /a  uploaded as a.filepart  5 bytes  5 B/s, unfinished: 5 of 10 bytes",
    "",
  ]);
  const opened = (await moorage("logs --batch 2 -n all")).out.trimEnd().split("\n");
  expect(opened).toHaveLength(1_500);
  const each = (await moorage("logs --each")).out.split("\n");
  expect(each[0]).toBe("newest 100 of 1,504");
  expect(each).toHaveLength(102);
});

test("filters, alone and together", async () => {
  const { moorage } = await trail();
  const kinds = async (args: string): Promise<string[]> => {
    const { out } = await moorage(`logs --json ${args}`);
    return (JSON.parse(out) as { kind: string }[]).map(({ kind }) => kind);
  };
  expect(await kinds("--group logins")).toEqual(["login", "login-failed"]);
  expect(await kinds("--group admin security")).toEqual(["user-set", "login-failed"]);
  expect(await kinds("--kind login --kind user-set")).toEqual(["login", "user-set"]);
  expect(await kinds("--actor cli:root")).toEqual(["user-set"]);
  expect(await kinds("--address 2001:db8::/32")).toEqual(["login-failed"]);
  expect(await kinds("--address 192.0.2.1 --kind login")).toEqual(["login"]);
  expect(await kinds("--path /photos/1?.jpg")).toHaveLength(10);
  expect(await kinds("--text FILEPART")).toEqual(["upload"]);
  expect(await kinds("--until 1h")).toEqual([]);
  expect(await kinds("--since 1h --session 3 --kind login")).toEqual(["login"]);
  expect(await kinds("--grouped --user ann")).toEqual(["login", "upload", "user-set", "upload"]);
});

test.each([
  ["--address 192.0.2.1/24", /bits beyond its prefix: write 192\.0\.2\.0\/24/],
  ["--address here", /no address or network/],
  ["--group nobody", /Allowed choices are transfers/],
  ["--session x", /whole number/],
  ["--batch 0", /whole number from 1/],
  ["--csv --json", /cannot be used with/],
  ["--csv --follow", /cannot be used with/],
])("attack on patience: logs %s is refused with a reason", async (args, reason) => {
  const { code, err } = await world().moorage(`logs ${args}`);
  expect([code, err]).toEqual([2, expect.stringMatching(reason)]);
});

test("that nothing fits is said to a person; mail by cron stays away, and programs get an empty answer", async () => {
  const { moorage } = await trail();
  const none = { code: 0, out: "", err: "" };
  expect(await moorage("logs --user annn", "")).toEqual({
    ...none,
    err: "Nothing in the audit trail fits.\n",
  });
  expect(await moorage("logs --user annn")).toEqual(none);
  expect(await moorage("logs --user annn --json")).toEqual({ code: 0, out: "[]\n", err: "" });
});

test("CSV for programs: the note of how many there are is elsewhere", async () => {
  const { moorage } = await trail();
  const { out, err } = await moorage("logs --csv -n 2");
  expect(err).toBe("newest 2 of 1,504\n");
  const [head, first] = out.split("\r\n");
  expect(head).toMatch(/^id,at,kind,user,actor,remote,session,path,/);
  expect(first).toMatch(/^1503,[^,]+,login-failed,bob,,\[2001:db8::1\]:9,/);
});

test("attack: a file's name is no formula in a spreadsheet", () => {
  const line = (path: string): string =>
    csvLine({ id: 1, at: 0, kind: "upload", path }).split(",upload,")[1] ?? "";
  expect(line("=HYPERLINK(1)")).toContain(",'=HYPERLINK(1),");
  for (const start of ["+", "-", "@", " ="]) expect(line(`${start}x`)).toContain(`,'${start}x,`);
  expect(line('/a "b", c')).toContain(',"/a ""b"", c",');
  expect(line("/-x")).toContain(",/-x,");
  expect(line("/a\r\nb")).not.toMatch(/\n./);
});
