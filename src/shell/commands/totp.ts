import { dateText } from "../../text/figures.ts";
import { type ByteString, display } from "../../vfs/path.ts";
import type { Call, Command } from "../call.ts";
import type { NewOwnFactor, OwnFactor } from "../context.ts";
import { CommandError, UsageError } from "../errors.ts";
import { parseOptions } from "../options.ts";
import { decodeText } from "../text.ts";

/** Codes that may be wrong while a new secret is confirmed. */
const TRIES = 3;

export const totp: Command = {
  name: "totp",
  summary: "set up or remove the code that logins need besides",
  usage:
    " [remove | codes]\nSets up a second factor with an authenticator program, or says that there is one. `remove`\n" +
    "takes it away, `codes` makes new recovery codes. Needs a terminal (ssh -t).",
  async run(call) {
    const { operands } = parseOptions(call.args, { short: "" });
    const [what, ...more] = operands;
    const own = call.shell.context.totp;
    if (own === undefined) throw new CommandError("only the user's own sessions can do that");
    if (more.length > 0) throw new UsageError("too many operands");
    if (what === undefined) return begin(call, own);
    if (what === "remove") return remove(call, own);
    if (what === "codes") return codes(call, own);
    throw new UsageError(`'${display(what as ByteString)}' is neither 'remove' nor 'codes'`);
  },
};

async function begin(call: Call, own: OwnFactor): Promise<number> {
  const status = await own.status();
  if (status !== undefined) {
    const { enrolledAt, recoveryCodes } = status;
    await call.out.print(
      `Set up on ${dateText(enrolledAt)}; ${recoveryCodes} recovery codes are left.\n`,
    );
    return 0;
  }
  terminalOf(call);
  const factor = await own.begin();
  if (typeof factor === "string") throw new CommandError(factor);
  await call.out.write(
    Buffer.from(
      `Scan this with an authenticator program, or type the secret into it.\n\n${factor.qr}\n` +
        `Secret: ${factor.secret}\n${factor.uri}\n\n`,
    ),
  );
  await printCodes(call, await confirmed(call, factor));
  if (own.mustEnrol) await call.out.print("Done. Log in again to reach your files.\n");
  return 0;
}

async function confirmed(call: Call, factor: NewOwnFactor): Promise<readonly string[]> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const result = await factor.accept(await ask(call));
    if (typeof result === "string") throw new CommandError(result);
    if (result !== undefined) return result;
    await call.complain("that code is wrong: see that the phone's clock is right");
  }
  throw new CommandError("nothing was set up");
}

async function remove(call: Call, own: OwnFactor): Promise<number> {
  if ((await own.status()) === undefined) throw new CommandError("there is nothing to remove");
  const refusal = await own.remove(await ask(call));
  if (refusal !== undefined) throw new CommandError(refusal);
  await call.out.print("Removed: logins need no code any more.\n");
  return 0;
}

async function codes(call: Call, own: OwnFactor): Promise<number> {
  if ((await own.status()) === undefined) throw new CommandError("set up `totp` first");
  const result = await own.renewCodes(await ask(call));
  if (typeof result === "string") throw new CommandError(result);
  await printCodes(call, result);
  return 0;
}

async function printCodes(call: Call, recovery: readonly string[]): Promise<void> {
  await call.out.print(
    "Recovery codes: each counts once, in place of a code. They are shown only now.\n\n" +
      `${recovery.map((code) => `  ${code}\n`).join("")}\n`,
  );
}

function terminalOf({ terminal }: Call) {
  if (terminal === undefined) throw new CommandError("a terminal is needed: try ssh -t");
  return terminal;
}

async function ask(call: Call): Promise<string> {
  await call.out.flush();
  const answer = await terminalOf(call).readSecret("Verification code: ", call.signal);
  if (answer === undefined) throw new CommandError("nothing was changed");
  return decodeText(answer);
}
