import type { Logger } from "pino";
import type { Factors } from "../auth/factors.ts";
import { ControlError } from "../control/errors.ts";
import type { FactorControl } from "../control/factors.ts";
import { errorName, InstanceError } from "../errors.ts";
import type { NewOwnFactor, OwnFactor } from "../session/commands.ts";
import type { Account } from "../store/types.ts";

export interface OwnFactorOptions {
  readonly account: Account;
  readonly mustEnrol: boolean;
  readonly control: FactorControl;
  readonly factors: Factors;
  readonly log: Logger;
  /** Somebody in this session typed a wrong code. */
  wrongCode(): void;
}

const WRONG = "that code is wrong";
const REFUSED = "too many wrong codes: try again later, or give a recovery code";
const NOT_NOW = "the server can't do that now: its log tells the administrator why";

/** A user's second factor, for the user's own commands. */
export function ownFactor(options: OwnFactorOptions): OwnFactor {
  const { account, control, mustEnrol } = options;
  const { name } = account;
  const orWhy = <T>(work: () => Promise<T>) => explained(options, work);
  const proven = async (code: string): Promise<string | undefined> => {
    const verdict = await options.factors.check(account.id, code);
    if (verdict === "totp" || verdict === "recovery") return undefined;
    options.wrongCode();
    return verdict === "refused" ? REFUSED : WRONG;
  };
  return {
    mustEnrol,
    status: () => control.status(name),
    begin: () =>
      orWhy(async (): Promise<NewOwnFactor> => {
        const { accept, ...shown } = await control.begin(name);
        return { ...shown, accept: (code) => orWhy(() => accept(code)) };
      }),
    remove: (code) =>
      orWhy(async () => {
        const refusal = await proven(code);
        if (refusal === undefined) await control.remove(name);
        return refusal;
      }),
    renewCodes: (code) => orWhy(async () => (await proven(code)) ?? control.renewCodes(name)),
  };
}

async function explained<T>(
  { log, account }: OwnFactorOptions,
  work: () => Promise<T>,
): Promise<T | string> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof ControlError) return thrown.message;
    if (!(thrown instanceof InstanceError)) throw thrown;
    log.error({ user: account.name, error: errorName(thrown) }, "second factor out of reach");
    return NOT_NOW;
  }
}
