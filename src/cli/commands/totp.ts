import { Argument, type Command } from "commander";
import { ControlError, EXIT } from "../../control/errors.ts";
import {
  type FactorControl,
  type FactorStatus,
  hasFactor,
  type NewFactor,
} from "../../control/factors.ts";
import { factorJson } from "../../control/views.ts";
import { dateText } from "../../text/figures.ts";
import { administer } from "../administer.ts";
import type { CommandContext } from "../context.ts";
import { fields, json, paint } from "../format.ts";
import { type Ask, asking } from "../input.ts";

interface TotpOptions {
  readonly json?: boolean;
  readonly confirm: boolean;
}

/** Codes that may be wrong while a new secret is confirmed. */
const TRIES = 3;

export function addTotpCommand(user: Command, context: CommandContext): void {
  user
    .command("totp")
    .argument("<name>")
    .addArgument(
      new Argument("[action]", "without it: show whether there is one").choices([
        "enroll",
        "remove",
      ]),
    )
    .description("a user's second factor: codes of an authenticator program (RFC 6238)")
    .option("--json", "print JSON; all else goes to standard error")
    .option("--no-confirm", "enroll without asking for a code")
    .action((name: string, action: "enroll" | "remove" | undefined, options: TotpOptions) =>
      administer(context, ({ factors }) => run(context, factors, name, action, options)),
    );
}

async function run(
  context: CommandContext,
  factors: FactorControl,
  name: string,
  action: "enroll" | "remove" | undefined,
  options: TotpOptions,
): Promise<void> {
  const { out } = context.io;
  if (action === "enroll") return enroll(context, factors, name, options);
  if (action === "remove") {
    await factors.remove(name);
    out(`Removed the second factor of ${name}.\n`);
    return;
  }
  const status = await factors.status(name);
  out(options.json ? json(factorJson(name, status)) : statusText(status));
}

function statusText(status: FactorStatus | undefined): string {
  if (status === undefined) return "No second factor.\n";
  const { enrolledAt, recoveryCodes, refusedUntil } = status;
  return fields([
    ["Enrolled", dateText(enrolledAt)],
    ["Recovery codes", `${recoveryCodes} left`],
    ...(refusedUntil === null
      ? []
      : [["Codes refused", `until ${dateText(refusedUntil)}, after many wrong ones`] as const]),
  ]);
}

async function enroll(
  { io }: CommandContext,
  factors: FactorControl,
  name: string,
  options: TotpOptions,
): Promise<void> {
  if ((await factors.status(name)) !== undefined) throw hasFactor(name);
  if (options.confirm && !io.stdin.isTTY) {
    throw new ControlError("no terminal to ask for a code: give --no-confirm", EXIT.usage);
  }
  const factor = await factors.begin(name);
  const say = options.json ? io.err : io.out;
  const { secret, uri } = factor;
  // Without colours the picture could be read in a dark terminal only.
  const picture = io.colour && !options.json ? `${factor.qr}\n` : "";
  const isJsonAlone = options.json === true && !options.confirm;
  if (!isJsonAlone) say(`${picture}Secret: ${paint(io, "bold", secret)}\n${uri}\n`);
  const codes = options.confirm
    ? await asking(io, (ask) => confirmed(io.err, ask, factor))
    : await factor.accept(null);
  const recoveryCodes = codes ?? [];
  if (options.json) {
    io.out(json({ name, secret: secret.replace(/ /g, ""), uri, recoveryCodes }));
    return;
  }
  io.out(`Recovery codes: each counts once, in place of a code. (They are shown only now.)\n`);
  io.out(recoveryCodes.map((code) => `  ${code}\n`).join(""));
}

async function confirmed(
  err: (text: string) => void,
  ask: Ask,
  factor: NewFactor,
): Promise<readonly string[]> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const codes = await factor.accept(await ask("Verification code: "));
    if (codes !== undefined) return codes;
    err("That code is wrong: see that the clocks are right.\n");
  }
  throw new ControlError("nothing was set up: the codes were wrong");
}
