import { FsError } from "../../errors.ts";
import type { ByteString } from "../../vfs/path.ts";
import type { Call } from "../call.ts";
import { CommandError, reason, UsageError } from "../errors.ts";
import { named } from "../quote.ts";
import { baseName, below, isDirectory, parentName } from "../tree.ts";

/** @throws UsageError when there is none */
export function needOperands(operands: readonly ByteString[], what = "operand"): void {
  if (operands.length === 0) throw new UsageError(`missing ${what}`);
}

/** Does the same with each operand; what fails is complained about. Resolves to the exit code. */
export async function each<T>(
  call: Call,
  operands: readonly T[],
  what: (operand: T) => string,
  act: (operand: T) => Promise<void>,
): Promise<number> {
  let status = 0;
  for (const operand of operands) {
    await call.step();
    try {
      await act(operand);
    } catch (thrown) {
      if (call.signal.aborted || !isExpected(thrown)) throw thrown;
      await call.complain(
        thrown instanceof CommandError ? thrown.message : `${what(operand)}: ${reason(thrown)}`,
      );
      status = 1;
    }
  }
  return status;
}

export function isExpected(thrown: unknown): boolean {
  return thrown instanceof FsError || thrown instanceof CommandError;
}

/** From where to where mv, cp and ln are to act. */
export interface Pair {
  readonly from: ByteString;
  readonly to: ByteString;
}

/** Reads SOURCE TARGET, or SOURCE... DIRECTORY. @param plain the target is no directory to go into */
export async function pairs(
  call: Call,
  operands: readonly ByteString[],
  plain: boolean,
): Promise<Pair[]> {
  const [first] = operands;
  if (first === undefined) throw new UsageError("missing file operand");
  if (operands.length < 2) {
    throw new UsageError(`missing destination file operand after ${named(first)}`);
  }
  const target = operands.at(-1) as ByteString;
  const sources = operands.slice(0, -1);
  const there = await call.look(target, true);
  if (!plain && isDirectory(there))
    return sources.map((from) => ({ from, to: below(target, baseName(from)) }));
  if (sources.length > 1) {
    const why = there === undefined ? "No such file or directory" : "Not a directory";
    throw new CommandError(`target ${named(target)}: ${why}`);
  }
  return [{ from: first, to: target }];
}

/** "." and ".." at the end name what must not be removed or replaced. */
export function endsInDots(path: ByteString): boolean {
  const name = baseName(path);
  return name === "." || name === "..";
}

/** Where a name is: its directory's canonical path and the name, a link at the end not followed. */
export async function placeOf(call: Call, path: ByteString): Promise<ByteString> {
  const absolute = call.path(path);
  const parent = await call.fs.realPath(`${parentName(absolute)}/` as ByteString);
  return below(parent, baseName(absolute));
}
