import { roundSize } from "../../text/units.ts";
import { type ByteString, fromText, join, type VirtualPath, withoutSlash } from "../../vfs/path.ts";
import { isId } from "../../vfs/trash-names.ts";
import { emptyTrash, findTrashed } from "../../vfs/trash-search.ts";
import type { TrashedFile, UserTrash } from "../../vfs/types.ts";
import type { Call, Command } from "../call.ts";
import { CommandError, UsageError } from "../errors.ts";
import { fullTime } from "../listing.ts";
import { type Options, parseOptions } from "../options.ts";
import { named } from "../quote.ts";
import { baseName, parentName } from "../tree.ts";
import { each } from "./operands.ts";

export const trash: Command = {
  name: "trash",
  summary: "list, restore or remove for good what was removed or written over",
  usage: `list [-j] [PATH]
   or: trash restore [-f] [-t TARGET] ID|PATH...
   or: trash empty [-a] [ID|PATH...]
Of several removed files of one path, the newest is restored.

  -j  list: as JSON, one object a line
  -f  restore: what stands there is replaced, and goes to the trash
  -t  restore: under another name
  -a  empty: all that is there`,
  async run(call) {
    const [action, ...args] = call.args;
    const run = ACTIONS.get(action ?? "");
    // Also `trash --help`.
    if (run === undefined) parseOptions(call.args, { short: "" });
    if (run === undefined) throw new UsageError("give list, restore or empty");
    const { trash } = call.fs;
    if (trash === undefined) throw new CommandError("nothing is kept here");
    return run(call, trash, args);
  },
};

type Action = (call: Call, trash: UserTrash, args: readonly ByteString[]) => Promise<number>;

const ACTIONS: ReadonlyMap<string, Action> = new Map([
  ["list", list],
  ["restore", restore],
  ["empty", empty],
]);

async function list(call: Call, trash: UserTrash, args: readonly ByteString[]): Promise<number> {
  const options = parseOptions(args, { short: "j", long: { json: "j" } });
  const [below, ...more] = options.operands;
  if (more.length > 0) throw new UsageError("give one path at most");
  const at = below === undefined ? "/" : await call.fs.realPath(call.path(below));
  for await (const file of trash.list()) {
    await call.step();
    if (at !== "/" && file.path !== at && !file.path.startsWith(`${at}/`)) continue;
    await call.out.print(options.has("j") ? jsonLine(file) : line(call, file));
  }
  return 0;
}

function line(call: Call, { id, path, removedAt, size }: TrashedFile): string {
  const time = fullTime(Math.floor(removedAt / 1000)).slice(0, "2026-11-28 21:00:00".length);
  return `${id}  ${time}  ${roundSize(size).padStart(9)}  ${call.shown(path)}\n`;
}

/** The path is text; other bytes than UTF-8 are replaced: the ID tells what is meant. */
function jsonLine({ id, path, removedAt, size }: TrashedFile): string {
  const text = Buffer.from(path, "latin1").toString("utf8");
  const fields = { id, path: text, removedAt: new Date(removedAt).toISOString(), size };
  return `${fromText(JSON.stringify(fields))}\n`;
}

async function restore(call: Call, trash: UserTrash, args: readonly ByteString[]): Promise<number> {
  const options = parseOptions(args, {
    short: "ft:",
    long: { force: "f", "target=": "t" },
  });
  if (options.operands.length === 0) throw new UsageError("give an ID or a path");
  const target = options.value("t");
  if (target !== undefined && options.operands.length > 1) {
    throw new UsageError("-t goes with one file");
  }
  const files = await found(call, trash, options);
  return each(
    call,
    options.operands,
    (operand) => `cannot restore ${named(operand)}`,
    async (operand) => {
      const file = files.get(operand);
      if (file === undefined) throw new CommandError(`${named(operand)} is not in the trash`);
      const to = target === undefined ? undefined : call.path(target);
      const path = await trash.restore(file.id, { to, replace: options.has("f") });
      await call.out.print(`restored ${call.shown(path)}\n`);
    },
  );
}

async function empty(call: Call, trash: UserTrash, args: readonly ByteString[]): Promise<number> {
  const options = parseOptions(args, { short: "a", long: { all: "a" } });
  const isAll = options.has("a");
  if (isAll !== (options.operands.length === 0)) {
    throw new UsageError("give IDs or paths, or -a for all");
  }
  if (isAll) {
    const { files, bytes } = await emptyTrash(trash, undefined, () => call.signal.aborted);
    await call.out.print(`removed ${files} files, ${roundSize(bytes)}\n`);
    return 0;
  }
  const files = await found(call, trash, options);
  return each(
    call,
    options.operands,
    (operand) => `cannot remove ${named(operand)}`,
    async (operand) => {
      const file = files.get(operand);
      if (file === undefined) throw new CommandError(`${named(operand)} is not in the trash`);
      await emptyTrash(trash, [file.id]);
    },
  );
}

/** What the operands mean: IDs, or paths as `list` shows them, or from where the shell is. */
async function found(
  call: Call,
  trash: UserTrash,
  { operands }: Options,
): Promise<Map<ByteString, TrashedFile | undefined>> {
  const keys: string[] = [];
  for (const operand of operands) {
    keys.push(isId(operand) ? operand : await pathOf(call, operand));
  }
  const files = await findTrashed(trash, keys);
  return new Map(operands.map((operand, index) => [operand, files[index]]));
}

/** Its directory may be gone. A link that stands at the name itself now is not followed. */
async function pathOf(call: Call, operand: ByteString): Promise<VirtualPath> {
  const path = withoutSlash(call.path(operand));
  return join(await call.fs.realPath(parentName(path)), baseName(path));
}
