import { type Desk, type NewPasswords, ruleLine, typedPassword } from "../../text/new-password.ts";
import { isUnambiguous } from "../../text/utf8.ts";
import { wrapped } from "../../text/wrapped.ts";
import { type ByteString, display } from "../../vfs/path.ts";
import type { Call, Command } from "../call.ts";
import { CommandError } from "../errors.ts";
import type { LineTerminal } from "../io.ts";
import { parseOptions } from "../options.ts";
import { decodeText } from "../text.ts";

export const passwd: Command = {
  name: "passwd",
  summary: "change your password",
  usage:
    "\nSays what a password must be, and asks for the current one and twice for the new one.\nNeeds a terminal (ssh -t).",
  async run(call) {
    const { operands } = parseOptions(call.args, { short: "" });
    const { user } = call.fs.owner;
    if (operands.some((name) => name !== user)) {
      throw new CommandError(
        `you may only change the password of '${display(user as ByteString)}'`,
      );
    }
    const { newPasswords } = call.shell.context;
    if (newPasswords === undefined)
      throw new CommandError("only the user's own sessions can do that");
    terminalOf(call);
    const desk: Desk = {
      ask: (prompt) => ask(call, prompt),
      say: (line) => call.warn(`${wrapped(line, terminalOf(call).columns).join("\n")}\n`),
    };
    await desk.say(ruleLine(newPasswords));
    const current = await desk.ask("Current password: ");
    const next = await newPassword(desk, current, newPasswords);
    const refusal = await call.shell.context.changePassword(current, next);
    if (refusal !== undefined) throw new CommandError(refusal);
    await call.out.print("Password changed.\n");
    return 0;
  },
};

/** Asks for a new password, which must not be the current one. */
async function newPassword(desk: Desk, current: string, { rule, refusal }: NewPasswords) {
  const typed = await typedPassword(desk, {
    rule,
    refusal: async (next) =>
      next === current ? "the new password is the current one" : refusal(next),
  });
  if ("problem" in typed) throw new CommandError(typed.problem);
  return typed.password;
}

function terminalOf({ terminal }: Call): LineTerminal {
  if (terminal === undefined) throw new CommandError("a terminal is needed: try ssh -t");
  return terminal;
}

async function ask(call: Call, prompt: string): Promise<string> {
  const answer = await terminalOf(call).readSecret(prompt, call.signal);
  if (answer === undefined) throw new CommandError("not changed");
  const text = decodeText(answer);
  if (!isUnambiguous(text)) {
    throw new CommandError("the password is not UTF-8: set the terminal to UTF-8");
  }
  return text;
}
