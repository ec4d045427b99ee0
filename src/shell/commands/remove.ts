import { FsError } from "../../errors.ts";
import type { ByteString } from "../../vfs/path.ts";
import type { Call, Command } from "../call.ts";
import { CommandError, reason } from "../errors.ts";
import { type Options, parseOptions } from "../options.ts";
import { named } from "../quote.ts";
import { baseName, isDirectory } from "../tree.ts";
import { type Visit, type Visitor, walk } from "../walk.ts";
import { each, endsInDots, isExpected, needOperands } from "./operands.ts";

const KNOWN = {
  short: "dfrRv",
  long: { recursive: "r", force: "f", verbose: "v", dir: "d" },
} as const;

/** Removes a tree. Resolves to the number of things that could not be removed. */
export function removeAll(call: Call, operand: ByteString): Promise<number> {
  return removeOperand(call, operand, parseOptions(["-r" as ByteString], KNOWN));
}

export const rm: Command = {
  name: "rm",
  summary: "remove files, with -r directories too",
  usage: `[-dfrv] PATH...
  -d  remove empty directories too
  -f  don't mind what is not there
  -r  remove directories with all that is in them
  -v  say what is removed`,
  async run(call) {
    const options = parseOptions(call.args, KNOWN);
    if (options.operands.length === 0 && options.has("f")) return 0;
    needOperands(options.operands);
    let failures = 0;
    const status = await each(
      call,
      options.operands,
      (operand) => `cannot remove ${named(operand)}`,
      async (operand) => {
        failures += await removeOperand(call, operand, options);
      },
    );
    return failures > 0 ? 1 : status;
  },
};

/** Resolves to the number of things that could not be removed. */
async function removeOperand(call: Call, operand: ByteString, options: Options): Promise<number> {
  const recursive = options.has("r") || options.has("R");
  if (endsInDots(operand)) {
    throw new CommandError(`refusing to remove '.' or '..' directory: skipping ${named(operand)}`);
  }
  const stat = await call.look(operand, false);
  if (stat === undefined) {
    if (options.has("f")) return 0;
    throw new FsError("ENOENT");
  }
  if (isDirectory(stat) && !recursive) {
    if (!options.has("d")) throw new FsError("EISDIR");
    await call.fs.removeDirectory(call.path(operand));
    return 0;
  }
  if (isDirectory(stat) && (await call.fs.realPath(call.path(operand))) === "/") {
    throw new CommandError("refusing to remove the home itself (its content: rm -r /*)");
  }
  const remover = new Remover(call, options.has("v"));
  await walk(call, { path: operand, name: baseName(operand), stat }, remover);
  return remover.failures;
}

class Remover implements Visitor {
  readonly #call: Call;
  readonly #verbose: boolean;
  failures = 0;

  constructor(call: Call, verbose: boolean) {
    this.#call = call;
    this.#verbose = verbose;
  }

  other(visit: Visit): Promise<void> {
    return this.#try(visit, async () => {
      await visit.fs.remove(visit.at);
      if (this.#verbose) await this.#call.out.print(`removed '${this.#call.shown(visit.path)}'\n`);
    });
  }

  async enter(): Promise<boolean> {
    return true;
  }

  leave(visit: Visit): Promise<void> {
    return this.#try(visit, async () => {
      await visit.fs.removeDirectory(visit.at);
      if (this.#verbose)
        await this.#call.out.print(`removed directory '${this.#call.shown(visit.path)}'\n`);
    });
  }

  async failed({ path }: Visit, thrown: unknown): Promise<void> {
    if (this.#call.signal.aborted || !isExpected(thrown)) throw thrown;
    const why = thrown instanceof CommandError ? thrown.message : reason(thrown);
    this.failures += 1;
    await this.#call.complain(`cannot remove ${named(path)}: ${why}`);
  }

  async #try(visit: Visit, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (thrown) {
      await this.failed(visit, thrown);
    }
  }
}
