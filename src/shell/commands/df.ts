import { type ByteString, display, ROOT, type VirtualPath } from "../../vfs/path.ts";
import type { FileSystemStat } from "../../vfs/types.ts";
import { blockName, type Unit, unitOf } from "../blocks.ts";
import type { Call, Command } from "../call.ts";
import { percent, table } from "../columns.ts";
import { type Options, parseOptions } from "../options.ts";
import { each } from "./operands.ts";

/** A home or folder, shown as if it were a disk. The figures are bytes or files. */
interface Disk {
  readonly size: number;
  readonly used: number;
  readonly free: number;
  readonly on: VirtualPath;
}

export const df: Command = {
  name: "df",
  summary: "print what is used and free, as of disks",
  usage: `[-aHhiklmPT] [-B SIZE] [--total] [PATH]...
A disk is the home, as large as its quota, or a shared folder. With PATHs, those that they are in.

  -a, -l        all of them (it does so anyway)
  -B SIZE       in blocks of so many bytes: 1, 4096, K, 1M, GB
  -H, --si      sizes like 1.5k, 20M, in steps of 1000
  -h            sizes like 1.5K, 20M, in steps of 1024
  -i            numbers of files instead of sizes
  -k            in KiB (it does so anyway)
  -m            in MiB
  -P            titles as POSIX has them
  -T            whether it is the home or a folder
  --total       a line with all together`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "aB:HhiklmPT",
      long: {
        all: "a",
        "block-size=": "B",
        "human-readable": "h",
        inodes: "i",
        local: "l",
        portability: "P",
        "print-type": "T",
        si: "H",
        total: "total",
      },
    });
    const unit = unitOf(options);
    const disks: Disk[] = [];
    const status = await gather(call, options, disks);
    if (disks.length > 0) await call.out.print(table(rows(disks, options, unit)));
    return status;
  },
};

async function gather(call: Call, options: Options, disks: Disk[]): Promise<number> {
  const disk = options.has("i") ? filesOf : bytesOf;
  if (options.operands.length > 0) {
    return each(call, options.operands, display, async (operand) => {
      await call.fs.stat(call.path(operand));
      disks.push(disk(await call.fs.fileSystemStat(await call.fs.realPath(call.path(operand)))));
    });
  }
  return each(call, call.fs.mounts(), display, async (path) => {
    const stat = await call.fs.fileSystemStat(path);
    // When a folder was taken away meanwhile, its path is one of the home's, and it is not listed.
    if (stat.mountedOn === path) disks.push(disk(stat));
  });
}

/** The bytes, with the quota as the size of the disk. When the real disk has less room, only that is free. */
function bytesOf({ bavail, frsize, usedBytes, quotaBytes, mountedOn }: FileSystemStat): Disk {
  const free = Number(bavail) * frsize;
  return { size: quotaBytes ?? usedBytes + free, used: usedBytes, free, on: mountedOn };
}

function filesOf({ files, ffree, usedFiles, mountedOn }: FileSystemStat): Disk {
  return { size: Number(files), used: usedFiles, free: Number(ffree), on: mountedOn };
}

function rows(disks: readonly Disk[], options: Options, unit: Unit): string[][] {
  const lines = disks.map((disk) => row("moorage", disk, options, unit));
  if (options.has("total")) lines.push(row("total", together(disks), options, unit));
  return [titles(options, unit), ...lines];
}

function together(disks: readonly Disk[]): Disk {
  const sum = (of: (disk: Disk) => number): number =>
    disks.reduce((all, disk) => all + of(disk), 0);
  return {
    size: sum(({ size }) => size),
    used: sum(({ used }) => used),
    free: sum(({ free }) => free),
    on: "-" as VirtualPath,
  };
}

function row(name: string, { size, used, free, on }: Disk, options: Options, unit: Unit): string[] {
  const shown = options.has("i") ? countIn(unit) : unit.shown;
  return [
    name,
    ...(options.has("T") ? [typeOf(on)] : []),
    shown(size, Math.floor),
    shown(used, Math.ceil),
    shown(free, Math.floor),
    percent(used, used + free),
    display(on as ByteString),
  ];
}

/** How numbers of files are printed: as they are, but with -h in the units of sizes. */
function countIn(unit: Unit): Unit["shown"] {
  return unit.block === undefined ? unit.shown : String;
}

function typeOf(on: VirtualPath): string {
  if (on === "-") return "-";
  return on === ROOT ? "home" : "folder";
}

function titles(options: Options, { block }: Unit): string[] {
  const figures = options.has("i")
    ? ["Inodes", "IUsed", "IFree", "IUse%"]
    : block === undefined
      ? ["Size", "Used", "Avail", "Use%"]
      : options.has("P")
        ? [`${block}-blocks`, "Used", "Available", "Capacity"]
        : [`${blockName(block)}-blocks`, "Used", "Available", "Use%"];
  return ["Filesystem", ...(options.has("T") ? ["Type"] : []), ...figures, "Mounted on"];
}
