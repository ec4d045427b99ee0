import { isUnambiguous } from "../../text/utf8.ts";
import { type ByteString, display } from "../../vfs/path.ts";
import type { Call, Command } from "../call.ts";
import { CommandError } from "../errors.ts";
import { parseOptions } from "../options.ts";
import { decodeText } from "../text.ts";

export const passwd: Command = {
  name: "passwd",
  summary: "change your password",
  usage: "\nAsks for the current password and twice for the new one. Needs a terminal (ssh -t).",
  async run(call) {
    const { operands } = parseOptions(call.args, { short: "" });
    const { user } = call.fs.owner;
    if (operands.some((name) => name !== user)) {
      throw new CommandError(
        `you may only change the password of '${display(user as ByteString)}'`,
      );
    }
    const current = await ask(call, "Current password: ");
    const next = await ask(call, "New password: ");
    const again = await ask(call, "Retype new password: ");
    if (next !== again) throw new CommandError("the new passwords are not the same");
    if (next === current) throw new CommandError("the new password is the current one");
    const refusal = await call.shell.context.changePassword(current, next);
    if (refusal !== undefined) throw new CommandError(refusal);
    await call.out.print("Password changed.\n");
    return 0;
  },
};

async function ask(call: Call, prompt: string): Promise<string> {
  const { terminal } = call;
  if (terminal === undefined) throw new CommandError("a terminal is needed: try ssh -t");
  const answer = await terminal.readSecret(prompt, call.signal);
  if (answer === undefined) throw new CommandError("not changed");
  const text = decodeText(answer);
  if (!isUnambiguous(text)) {
    throw new CommandError("the password is not UTF-8: set the terminal to UTF-8");
  }
  return text;
}
