import { join } from "node:path";
import { type Ended, type Programs, packageVersion, within } from "./programs.ts";
import { Report } from "./report.ts";
import { until } from "./wait.ts";
import type { World } from "./world.ts";

export const NEEDS = ["gio", "dbus-daemon", "unshare", "ssh"];

const GVFS_ERROR = /^gio: (?:\S+: )?(.*)$/m;

/** gio on a session bus of its own, whose daemons end with it. */
class Gio {
  readonly #programs: Programs;
  readonly #env: Record<string, string>;

  constructor(programs: Programs, home: string, address: string) {
    this.#programs = programs;
    this.#env = { ...gioEnvironment(home), DBUS_SESSION_BUS_ADDRESS: address };
  }

  run(args: readonly string[], input = ""): Promise<Ended> {
    return this.#programs.run(["gio", ...args], this.#env, input);
  }
}

function gioEnvironment(home: string): Record<string, string> {
  const quiet = { GIO_USE_VOLUME_MONITOR: "unix", GVFS_DISABLE_FUSE: "1", LC_ALL: "C.UTF-8" };
  return { ...quiet, XDG_RUNTIME_DIR: join(home, "run") };
}

/** What gio shows of an error, without the file's address. */
function shownBy(ended: Ended): string {
  const text = GVFS_ERROR.exec(ended.stderr)?.[1] ?? "";
  return text === "" ? `exit code ${ended.code}` : `${text} (exit code ${ended.code})`;
}

async function transfers(gio: Gio, world: World, report: Report): Promise<void> {
  const root = world.url("/", "");
  const mounted = await gio.run(["mount", root], "secret\n");
  report.note("gio mount, password typed", shownBy(mounted), mounted.code === 0);
  const small = join(world.local, "one/small.txt");
  const copied = await gio.run(["copy", small, `${root}small.txt`]);
  const isWhole = (await world.stored("small.txt"))?.equals(await world.source("one/small.txt"));
  report.note("gio copy, up", shownBy(copied), copied.code === 0 && isWhole === true);
  const listed = await gio.run(["list", root]);
  const names = listed.stdout.trim().split("\n");
  const isListed = names.includes("small.txt") && !names.includes("hidden");
  report.note("gio list; a folder with the mode none is not there", names.join(", "), isListed);
  const got = await gio.run(["cat", `${root}small.txt`]);
  report.note(
    "gio cat",
    got.stdout.trim(),
    got.stdout === `${await world.source("one/small.txt")}`,
  );
  const moved = await gio.run(["rename", `${root}small.txt`, "other.txt"]);
  const isMoved = (await world.stored("other.txt")) !== undefined;
  report.note("gio rename", shownBy(moved), moved.code === 0 && isMoved);
  const removed = await gio.run(["remove", `${root}other.txt`]);
  const isGone = (await world.stored("other.txt")) === undefined;
  report.note("gio remove", shownBy(removed), removed.code === 0 && isGone);
}

async function refusals(gio: Gio, world: World, report: Report): Promise<void> {
  const root = world.url("/", "");
  await world.setQuota("3MB");
  const space = await gio.run(["info", "-f", root]);
  const free = /filesystem::free: (\d+)/.exec(space.stdout)?.[1] ?? "";
  report.note(
    "gio info -f: free space is the quota's",
    `${free} bytes free`,
    Number(free) < 3_000_001,
  );
  const over = await gio.run(["copy", join(world.local, "big/big.bin"), `${root}big.bin`]);
  const arrived = (await world.stored("big.bin"))?.length ?? 0;
  report.note("the quota is full", shownBy(over), over.code === 1 && arrived <= 3_000_000);
  const small = join(world.local, "one/small.txt");
  const up = await gio.run(["copy", small, `${root}archive/small.txt`]);
  report.note("no permission: upload to a folder to read", shownBy(up), up.code === 1);
  const removed = await gio.run(["remove", `${root}archive/old.txt`]);
  const isDenied = removed.stderr.includes("Permission denied");
  report.note("no permission: remove", shownBy(removed), isDenied);
  const unmounted = await gio.run(["mount", "-u", root]);
  report.note("gio mount -u", shownBy(unmounted), unmounted.code === 0);
  const full = await gio.run(["mount", world.url("/", "", true)], "secret\n");
  report.note("the server is full", shownBy(full), full.code !== 0);
}

/** Runs gio and gvfs through all of it. */
export async function driveGio(world: World, programs: Programs): Promise<Report> {
  const report = new Report("GNOME: gio, gvfs", packageVersion("gvfs-backends"));
  const home = await world.home("gio");
  await world.fresh();
  const bus = programs.start(
    within(home, ["dbus-daemon", "--session", "--nofork", "--print-address=1"]),
    gioEnvironment(home),
  );
  const address = await until("the session bus", () => /^unix:.*$/m.exec(bus.output())?.[0]);
  const gio = new Gio(programs, home, address);
  await transfers(gio, world, report);
  await refusals(gio, world, report);
  await programs.stop(bus);
  return report;
}
